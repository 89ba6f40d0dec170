"""The gate passes thresholds below the target with a chance of at most delta, for any scores."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from models import binomial
from models.gate import thresholds
from models.sample_size import fewest_trials

Curve = Callable[[np.ndarray], np.ndarray]

CURVES: dict[str, tuple[Curve, int]] = {
    "rising": (lambda score: 0.80 + 0.19 * score, 600),
    "flat, just below": (lambda score: np.full_like(score, 0.899), 1500),
    "a bad head": (lambda score: np.where(score > 0.8, 0.85, 0.93), 1500),
    "a step": (lambda score: np.where(score > 0.6, 0.99, 0.5), 300),
    "few": (lambda score: 0.75 + 0.24 * score, 80),
}


def agreement(curve: Curve, threshold: float, coarse: bool) -> float:
    """True agreement of what scores at least `threshold`, scores being uniform."""
    scores = np.linspace(0, 1, 20_001)[:-1] + 0.5 / 20_000
    shown = np.floor(scores * 12) / 12 if coarse else scores
    return float(curve(scores)[shown >= threshold].mean())


@pytest.mark.parametrize("coarse", [False, True], ids=["fine", "ties"])
@pytest.mark.parametrize("name", CURVES)
def test_false_passes_are_as_rare_as_promised(name: str, coarse: bool) -> None:
    curve, rows = CURVES[name]
    generator = np.random.default_rng(7)
    target, delta, rounds, wrong = 0.9, 0.1, 1000, 0
    for _ in range(rounds):
        scores = generator.random(rows)
        agrees = generator.random(rows) < curve(scores)
        shown = np.floor(scores * 12) / 12 if coarse else scores
        passed = thresholds.widest_threshold(shown.astype(np.float32), agrees, rows, target, delta)
        wrong += passed is not None and agreement(curve, passed.threshold, coarse) < target - 1e-3
    assert wrong <= binom.ppf(0.999, rounds, delta)


def test_it_finds_most_of_what_could_be_answered() -> None:
    curve, _ = CURVES["rising"]
    generator = np.random.default_rng(3)
    scores = generator.random(5000)
    passed = thresholds.widest_threshold(
        scores.astype(np.float32), generator.random(5000) < curve(scores), 5000, 0.9, 0.05
    )
    assert passed is not None
    best = next(t for t in np.linspace(0, 1, 200) if agreement(curve, float(t), False) >= 0.9)
    assert passed.accepted / 5000 > 0.85 * (1 - best)


def test_a_bad_head_does_not_end_the_search() -> None:
    scores = np.linspace(1, 0, 4000, dtype=np.float32)
    agrees = np.ones(4000, dtype=np.bool_)
    agrees[:400:4] = False
    passed = thresholds.widest_threshold(scores, agrees, 4000, 0.9, 0.05)
    assert passed is not None
    assert passed.threshold == 0.0


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), max_size=400))
def test_its_counts_are_those_of_its_threshold(rows: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in rows], dtype=np.float32)
    agrees = np.array([agreed for _, agreed in rows], dtype=np.bool_)
    passed = thresholds.widest_threshold(scores, agrees, len(rows), 0.8, 0.05)
    if passed is not None:
        answered = scores >= np.float32(passed.threshold)
        assert passed.accepted == answered.sum()
        assert passed.agreements == agrees[answered].sum()
        assert binomial.p_value(passed.agreements, passed.accepted, 0.8) <= 0.05


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.01, 0.99))
def test_tails_are_those_of_the_binomial(agreements: int, misses: int, target: float) -> None:
    trials = agreements + misses
    assert binomial.p_value(agreements, trials, target) == pytest.approx(
        binom.sf(agreements - 1, trials, target), abs=1e-9
    )
    assert binomial.shortfall(agreements, trials, target) == pytest.approx(
        binom.cdf(agreements, trials, target), abs=1e-9
    )


@given(st.integers(1, 300), st.integers(0, 300))
def test_bounds_are_where_the_tails_reach_delta(agreements: int, misses: int) -> None:
    trials = agreements + misses
    low = binomial.lower(agreements, trials, 0.05)
    assert low <= agreements / trials <= binomial.upper(agreements, trials, 0.05)
    assert binomial.p_value(agreements, trials, low) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(("target", "delta", "wanted"), [(0.95, 0.05, 59), (0.98, 0.05, 149), (0.9, 0.1, 22)])
def test_the_fewest_trials_are_just_enough(target: float, delta: float, wanted: int) -> None:
    assert fewest_trials(target, delta) == wanted
    assert (
        binomial.p_value(wanted, wanted, target) <= delta < binomial.p_value(wanted - 1, wanted - 1, target)
    )
