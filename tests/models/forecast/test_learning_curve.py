"""The learning curve is measured on parts of the traces, and its estimates hold where its law holds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forecast.learning_curve import FARTHEST, coverage_with, learning_curve, more_traces, point
from models.gate.frontier import Sample, frontier_points
from models.study import CurvePoint

TARGETS = (0.9, 0.95, 0.98)


def sample(rows: int, error: float, seed: int) -> Sample:
    """Scores that are right about the chance of agreement, whose mean is one minus `error`."""
    generator = np.random.default_rng(seed)
    chance = generator.beta(1.0, 1.0 / error - 1.0, rows)
    agrees = generator.random(rows) >= chance
    return Sample((1 - chance).astype(np.float32), agrees, np.ones(rows, dtype=np.bool_))


def steps(slope: float, sizes: tuple[int, ...], error: float = 0.02, seed: int = 0) -> list[CurvePoint]:
    """Points whose surest quarter errs by a power law that is `error` at the last size."""
    generator = np.random.default_rng(seed)
    made = []
    for size in sizes:
        expected = error * (size / sizes[-1]) ** -slope
        made.append(CurvePoint(size, {}, size // 4, int(generator.binomial(size // 4, min(1.0, expected)))))
    return made


def test_each_point_has_half_the_traces_of_the_next() -> None:
    asked: list[NDArray[np.int64]] = []

    def at(rows: NDArray[np.int64]) -> Sample:
        asked.append(rows)
        return sample(len(rows), 0.1, len(rows))

    curve = learning_curve(at, 4001, TARGETS, 0.05, seconds=60.0)
    assert [step.traces for step in curve] == [500, 1000, 2000] == [len(set(rows.tolist())) for rows in asked]
    assert set(asked[0]) < set(asked[1]) < set(asked[2]) < set(range(4001))
    assert curve[1] == point(1000, sample(1000, 0.1, 1000), TARGETS, 0.05)
    assert (curve[1].surest, set(curve[1].coverage)) == (250, {"0.9", "0.95", "0.98"})
    certified = frontier_points(sample(2000, 0.1, 2000), (0.9,), 0.05)
    assert curve[2].coverage["0.9"] == certified[0].coverage > 0.5


def test_fits_beyond_the_time_budget_are_skipped() -> None:
    now = 0.0

    def at(rows: NDArray[np.int64]) -> Sample:
        nonlocal now
        now += len(rows) / 500
        return sample(len(rows), 0.1, 0)

    def sizes(seconds: float) -> list[int]:
        curve = learning_curve(at, 4000, TARGETS, 0.05, seconds=seconds, clock=lambda: now)
        return [step.traces for step in curve]

    assert sizes(0.0) == []
    assert sizes(2.9) == [500]
    assert sizes(3.1) == [500, 1000]
    assert sizes(7.1) == [500, 1000, 2000]


def test_parts_that_can_not_be_fitted_make_no_point() -> None:
    assert learning_curve(lambda _rows: None, 4000, TARGETS, 0.05, seconds=60.0) == ()
    curve = learning_curve(lambda rows: sample(len(rows), 0.1, 0), 200, TARGETS, 0.05, seconds=60.0)
    assert [step.traces for step in curve] == [100]


def test_errors_that_do_not_fall_promise_nothing() -> None:
    assert more_traces(steps(0.0, (2500, 5000, 10000, 20000), 0.05), 0.98) is None
    assert more_traces(steps(0.5, (1000, 2000)), 0.98) is None
    assert more_traces([CurvePoint(size, {}) for size in (10, 20, 40)], 0.9) is None
    assert more_traces([], 0.9) is None


def test_a_proven_target_needs_no_more_traces() -> None:
    found = more_traces(steps(0.3, (1000, 2000, 4000, 8000), 0.001), 0.95)
    assert found is not None
    assert (found.least, found.most) == (0, 0)


def test_the_range_covers_the_true_number() -> None:
    """Of 60 curves by the law itself, the true number lies in the range about as often as is claimed."""
    slope, error, sizes, target = 0.4, 0.016, (1250, 2500, 5000, 10000), 0.985
    needed = next(
        size
        for size in range(sizes[-1], sizes[-1] * FARTHEST, 200)
        if certify_head(size, error * (size / sizes[-1]) ** -slope, target)
    )
    told = [more_traces(steps(slope, sizes, error, seed), target) for seed in range(60)]
    known = [found for found in told if found is not None]
    inside = [
        found.least <= needed - sizes[-1] and (found.most is None or needed - sizes[-1] <= found.most)
        for found in known
    ]
    assert len(known) > 30
    assert np.mean(inside) > 0.6


def certify_head(size: int, error: float, target: float) -> bool:
    trials = size // 4
    made = point(size, head(trials, round(error * trials)), (target,), 0.05)
    return made.coverage[f"{target:g}"] > 0


def head(trials: int, misses: int) -> Sample:
    """All score alike, so that they are certified together or not at all."""
    return Sample(
        np.ones(trials, dtype=np.float32), np.arange(trials) >= misses, np.ones(trials, dtype=np.bool_)
    )


def test_coverage_is_continued_as_it_grew() -> None:
    sizes = (1000, 2000, 4000, 8000)
    curve = [CurvePoint(size, {"0.95": 1 - 0.6 * (size / 1000) ** -0.5}) for size in sizes]
    found = coverage_with(curve, 0.95, 16000)
    assert found == pytest.approx((0.85, 0.85))
    uneven = [*curve[:3], CurvePoint(8000, {"0.95": 0.75})]
    low, high = coverage_with(uneven, 0.95, 16000) or (0.0, 0.0)
    assert low < 0.82 < 0.85 <= high + 1e-9
    assert coverage_with(curve, 0.9, 16000) is None
