"""Signals come where requests differ from the training traces, and hardly ever where they do not."""

from functools import reduce
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from models.drift import (
    FEWEST,
    TOLERATED,
    TOLERATED_ODDS,
    TOLERATED_SHARE,
    coverage_signal,
    drift_reference,
    drift_signals,
)
from models.features import Features
from models.histograms import Reference, ScoreHistograms
from models.policy import Policy
from models.study import Study

from .conftest import DRAWS, WIDTH

LABELS = tuple(f"label {number:02}" for number in range(30))
LIMIT = 0.99


def drawn(rows: int, seed: int, *, lean: float = 1.0, novel: float = 0.01, swap: float = 0.0) -> Study:
    """Scores, novelty and guesses of requests.

    Args:
        lean: below 1 the scores are lower.
        novel: share beyond the limit.
        swap: share of the guesses that have become label 0.
    """
    generator = np.random.default_rng(seed)
    guesses = generator.choice(len(LABELS), rows, p=np.arange(1, 31) / 465)
    guesses = np.where(generator.random(rows) < swap, 0, guesses)
    novelty = np.where(generator.random(rows) < novel, 1.0, 0.5).astype(np.float32)
    return Study(
        names=LABELS,
        codes=guesses,
        guesses=guesses,
        runners_up=guesses,
        scores=generator.beta(4 * lean, 1, rows).astype(np.float32),
        novelty=novelty,
        novelty_limit=LIMIT,
        eligible=novelty <= LIMIT,
        sampled=np.ones(rows, dtype=np.bool_),
        gate_rows=np.ones(rows, dtype=np.bool_),
    )


def seen(trained: Reference, requests: Study) -> ScoreHistograms:
    return trained.count(requests.scores, requests.novelty > LIMIT, requests.guesses)


@pytest.fixture(scope="module")
def trained() -> Reference:
    return drift_reference(drawn(3000, 1))


def test_the_reference_counts_sampled_traces() -> None:
    study = drawn(4000, 2)
    study.sampled[:1000] = False
    found = drift_reference(study)
    assert found.counts.rows == sum(found.counts.guesses) == 3000
    assert found.counts.scores == (300,) * 10
    assert found.counts.novel == np.count_nonzero(study.novelty[1000:] > LIMIT)


def test_scores_that_are_all_alike_share_a_bin() -> None:
    study = drawn(1000, 3)
    study.scores[:] = 0.7
    found = drift_reference(study)
    assert sum(found.counts.scores) == 1000
    assert drift_signals(found, found.counts, LABELS) == ()


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"lean": 0.4}, "scores", "scores are lower than in training"),
        ({"lean": 4.0}, "scores", "scores are higher than in training"),
        (
            {"novel": 0.08},
            "novelty",
            "are beyond the novelty limit, compared with 1.1% in training",
        ),
        ({"swap": 0.25}, "labels", "label 00 0."),
    ],
)
def test_each_kind_of_drift_has_its_signal(
    trained: Reference, change: dict[str, float], kind: str, told: str
) -> None:
    found = drift_signals(trained, seen(trained, drawn(2000, 4, **change)), LABELS)
    assert [signal.kind for signal in found] == [kind]
    assert told in found[0].sentence


def test_slight_differences_are_tolerated(trained: Reference) -> None:
    many = drawn(200_000, 5, lean=0.9, novel=0.013, swap=0.01)
    assert drift_signals(trained, seen(trained, many), LABELS) == ()


def test_false_signals_are_as_rare_as_was_set() -> None:
    looks, windows, rows = 600, 10.0, 2000
    generator = np.random.default_rng(9)
    labels, bins = np.full(30, 1 / 30), np.full(10, 0.1)
    novel = 0.01, TOLERATED_ODDS * 0.01 / (0.99 + TOLERATED_ODDS * 0.01)

    def counts(shift: float, novel: float) -> ScoreHistograms:
        signs = np.tile([1 + shift, 1 - shift], 15)
        return ScoreHistograms(
            tuple(generator.multinomial(rows, bins * signs[:10]).tolist()),
            int(generator.binomial(rows, novel)),
            tuple(generator.multinomial(rows, labels * signs).tolist()),
        )

    false: list[str] = []
    for _ in range(looks):
        trained = Reference(tuple(np.arange(0.1, 0.95, 0.1).tolist()), counts(0.0, novel[0]))
        false += [
            signal.kind
            for signal in drift_signals(trained, counts(np.sqrt(TOLERATED), novel[1]), LABELS, windows)
        ]
    most = binom.ppf(1 - 1e-5, looks, 1 / (3 * windows))
    for kind in ("scores", "novelty", "labels"):
        assert 0 < false.count(kind) <= most


def test_bins_that_the_edges_do_not_make_are_refused() -> None:
    with pytest.raises(ValueError, match="got 2 bins for 2 edges"):
        Reference((0.1, 0.2), ScoreHistograms((1, 2), 0, (3,)))


@given(st.integers(0, 20), st.integers(0, 3000))
def test_few_requests_say_nothing(novel: int, rows: int) -> None:
    trained = drift_reference(drawn(1000, 6))
    few = ScoreHistograms((0,) * 9 + (rows,), min(novel, rows), (rows,) + (0,) * 29)
    assert bool(drift_signals(trained, few, LABELS)) == (rows >= FEWEST)


def test_windows_add_up(trained: Reference) -> None:
    one, two = drawn(700, 7), drawn(900, 8)

    def both(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(one, name), getattr(two, name)])

    together = trained.count(both("scores"), both("novelty") > LIMIT, both("guesses"))
    assert seen(trained, one).plus(seen(trained, two)) == together
    assert msgspec.json.decode(msgspec.json.encode(trained), type=Reference) == trained


def test_a_policy_sees_drift_where_half_is_strange(policy: Policy) -> None:
    manifest = policy.manifest
    same = DRAWS[manifest.embedder](2000, 5)[0]
    width = manifest.dimension or WIDTH
    vectors = np.random.default_rng(6).standard_normal((1000, width)).astype(np.float32)
    strange = Features(
        None if same.texts is None else ["ωβγ δεζ ηθι"] * 1000,
        None if same.embeddings is None else vectors,
    )
    trained = manifest.reference
    assert trained is not None

    def looked_at(*requests: Features) -> ScoreHistograms:
        counts = [
            trained.count(scores.score, scores.novelty > manifest.novelty_limit, scores.label)
            for scores in map(policy.score, requests)
        ]
        return reduce(ScoreHistograms.plus, counts)

    assert drift_signals(trained, looked_at(same), manifest.labels) == ()
    found = drift_signals(trained, looked_at(same.take(range(1000)), strange), manifest.labels)
    assert "novelty" in {signal.kind for signal in found}


@given(st.integers(FEWEST, 5_000), st.floats(0.0, 1.0), st.sampled_from([-1.0, 1.0]))
def test_coverage_within_the_tolerance_is_seldom_a_signal(
    requests: int, promised: float, side: float
) -> None:
    """The farthest tolerated coverage: all counts that give a signal have a chance of 1 in 4,000 at most."""
    true = min(1.0, max(0.0, promised + side * TOLERATED_SHARE))
    counts = np.arange(requests + 1)
    chances = binom.pmf(counts, requests, true)
    likely = counts[chances > 1e-9]
    signals = [coverage_signal(int(count), requests, promised) is not None for count in likely]
    assert chances[likely][signals].sum() <= 1.0 / 4_000


def test_coverage_far_from_the_promise_is_a_signal() -> None:
    signal = coverage_signal(1_100, 2_000, 0.91)
    assert signal is not None
    assert signal.sentence == "the surrogate answers 55.0% of the requests, and its fit promised 91.0%"
    assert coverage_signal(1_780, 2_000, 0.91) is None
    assert coverage_signal(0, FEWEST - 1, 0.91) is None
    assert coverage_signal(2_000, 2_000, 0.5) is not None
