"""One more tier is compared on the same requests, and its gain comes with an interval."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from models.features import Features
from models.tier_gain import TargetGain, TieredTraces, TierTrial, tier_gain
from models.training_set import TrainingSet

from .conftest import WIDTH, draw_both

ROWS = 700


def trial(*, useful: bool) -> TierTrial:
    """Texts whose letters are shuffled, and vectors that know better or hold noise."""
    drawn, labels = draw_both(ROWS, 0)
    generator = np.random.default_rng(1)
    texts = ["".join(generator.permutation(list(text))) for text in drawn.texts or ()]
    noise = generator.standard_normal((ROWS, WIDTH)).astype(np.float32)
    sampled = np.ones(ROWS, dtype=np.bool_)
    vectors = drawn.embeddings if useful else noise
    return TierTrial(
        TieredTraces("text", TrainingSet(Features(texts), labels, sampled), None),
        TieredTraces("text>precomputed", TrainingSet(Features(texts, vectors), labels, sampled), None),
        "precomputed",
        7.5,
    )


def test_a_tier_that_knows_more_shows_a_gain() -> None:
    gain = tier_gain(trial(useful=True), (0.95, 0.9), delta=0.05)
    assert (gain.tier, gain.requests, gain.milliseconds, gain.refused) == ("precomputed", ROWS, 7.5, ())
    assert [one.target for one in gain.targets] == [0.9, 0.95]
    assert gain.accuracy_with > gain.accuracy_without + 0.2
    for one in gain.targets:
        assert one.is_shown
        assert one.low < one.with_tier - one.without < one.high
        assert one.with_tier > one.without + 0.2


def test_noise_as_a_tier_shows_none() -> None:
    (one,) = tier_gain(trial(useful=False), (0.9,), delta=0.05).targets
    assert not one.is_shown
    assert one.low < one.with_tier - one.without < one.high


def test_too_few_requests_are_refused_with_the_gates_reason() -> None:
    rows = np.arange(20)
    whole = trial(useful=True)
    few = TieredTraces("text", whole.without.training.take(rows), None)
    gain = tier_gain(structs.replace(whole, without=few), (0.95,), delta=0.05)
    assert gain.targets == ()
    assert "sampled" in gain.refused[0]


def test_a_price_counts_what_is_handed_on_although_it_would_be_answered() -> None:
    """At a low target the text answers much with scores that its stage hands on all the same."""
    gain = tier_gain(trial(useful=True), (0.4, 0.9), delta=0.05)
    low, _ = gain.targets
    assert low.read > 1.0 - low.without + 0.2
    assert low.break_even < low.with_tier - low.without + 0.1


def test_requests_that_say_the_same_show_nothing() -> None:
    drawn = trial(useful=True)

    def alike(traces: TieredTraces) -> TieredTraces:
        training = traces.training
        texts = [f"text {row % 3} " + "abc"[row % 3] * 30 for row in range(ROWS)]
        return structs.replace(
            traces,
            training=replace(training, features=Features(texts, training.features.embeddings)),
        )

    same = structs.replace(drawn, without=alike(drawn.without), with_tier=alike(drawn.with_tier))
    gain = tier_gain(same, (0.9,), delta=0.05)
    assert gain.targets == ()
    assert gain.refused == ("only 3 of the requests say something different, must be 50 at least",)


@pytest.mark.parametrize(
    ("without", "with_tier", "read", "share"),
    [(0.5, 0.75, 0.5, 0.5), (0.5, 0.75, 1.0, 0.25), (0.6, 0.5, 0.4, 0.0), (1.0, 1.0, 0.0, 0.0)],
)
def test_a_tier_pays_up_to_what_it_saves_of_what_it_reads(
    without: float, with_tier: float, read: float, share: float
) -> None:
    assert TargetGain(0.9, without, with_tier, 0.0, 0.0, read).break_even == pytest.approx(share)
