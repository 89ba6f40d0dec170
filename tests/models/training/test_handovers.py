"""Hand-overs: one more tier costs hardly any coverage, and is asked for no more rows than it must be."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.gate.candidate_metrics import oracle_threshold
from models.training import cascade
from models.training.cascade import Ensemble

ROWS, TARGETS = 4000, (0.9, 0.95, 0.98)
ALL = np.ones(ROWS, dtype=np.bool_)


def drawn_stage(sureness: float, seed: int) -> Any:
    """Scores with about this mean; it says label 0, which is the teacher's, as often as they say."""
    generator = np.random.default_rng(seed)
    scores = generator.beta(4 * sureness, 4 * (1 - sureness), ROWS).astype(np.float32)
    right = generator.random(ROWS) < scores
    logits = np.stack([right, ~right], axis=1).astype(np.float32)
    return SimpleNamespace(scores=scores, novelty=np.zeros(ROWS, dtype=np.float32), logits=logits)


def coverages(ensemble: Ensemble) -> NDArray[np.float64]:
    agrees = ensemble.guesses == 0
    return np.array([oracle_threshold(ensemble.scores, agrees, target)[1] for target in TARGETS])


def test_a_weak_last_tier_costs_hardly_any_coverage() -> None:
    first, weak = drawn_stage(0.85, 0), drawn_stage(0.4, 1)
    joined = cascade.join_all([first, weak], ALL, TARGETS, True)
    alone = coverages(cascade.single_stage(first))
    assert (coverages(joined) > alone - 0.03).all()
    assert joined.decided_by.mean() < 0.6
    usual = cascade.join_stages(first, cascade.single_stage(weak), 0.98, True)
    assert (coverages(usual) < alone - 0.2).any()


def test_a_weak_first_tier_decides_nothing_that_a_better_one_would() -> None:
    weak, last = drawn_stage(0.5, 2), drawn_stage(0.95, 3)
    joined = cascade.join_all([weak, last], ALL, TARGETS, True)
    assert (coverages(joined) > coverages(cascade.single_stage(last)) - 0.03).all()


def test_a_tier_that_may_not_decide_hands_all_on() -> None:
    """The best of the first tier is worse than the worst of the last one."""
    weak, last = drawn_stage(0.5, 2), drawn_stage(0.99, 3)
    weak.scores = weak.scores * np.float32(0.5)
    joined = cascade.join_all([weak, last], ALL, (0.9,), True)
    strict = cascade.join_all([weak, last], ALL, (0.999,), True)
    assert strict.handovers == (cascade.NEVER,)
    assert strict.decided_by.all()
    assert joined.handovers < strict.handovers


def test_only_sampled_traces_choose() -> None:
    """The others are mostly deferrals, on which all tiers are unsure."""
    first, last, sampled = drawn_stage(0.8, 4), drawn_stage(0.7, 5), np.arange(ROWS) % 2 == 0
    before = cascade.lowest_handover(first, cascade.single_stage(last), sampled, TARGETS)
    first.scores, last.scores = (np.where(sampled, each.scores, each.scores / 3) for each in (first, last))
    after = cascade.lowest_handover(first, cascade.single_stage(last), sampled, TARGETS)
    assert before == after != cascade.lowest_handover(first, cascade.single_stage(last), ALL, TARGETS)


@given(st.floats(0.3, 0.95), st.floats(0.3, 0.95), st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_no_other_hand_over_costs_clearly_less(one: float, other: float, seed: int) -> None:
    """Against the definition, also where none is best at all targets; and no lower one costs as little."""
    first, last, sampled = drawn_stage(one, seed), drawn_stage(other, seed + 1), np.arange(ROWS) % 4 == 0
    rest, levels = cascade.single_stage(last), (0.9, 0.95, 0.98, 0.95, 0.975, 0.99)
    found = cascade.lowest_handover(first, rest, sampled, TARGETS)
    tried = [*np.quantile(first.scores[sampled], cascade.QUANTILES).tolist(), cascade.NEVER]
    scores = [cascade.join_stages(first, rest, each, True).scores[sampled] for each in (found, *tried)]
    reached = np.array([[oracle_threshold(each, each, level)[1] for level in levels] for each in scores])
    costs = (reached.max(axis=0) - reached).max(axis=1)
    enough = costs <= costs.min() + cascade.LOSS
    assert enough[0]
    assert found == min(each for each, fits in zip(tried, enough[1:], strict=True) if fits)
