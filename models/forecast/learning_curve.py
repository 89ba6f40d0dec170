"""Learning curve: coverage with fewer traces, and from that an estimate with more.

Each point is a fit on a random part of the traces, half as large as the next. Beyond the last point the curve
is extrapolated: an error falls with the number of traces n as a power law a * n^-b, 0 <= b <= 2 (Hestness et
al. 2017; the error of the highest-scoring quarter of a few hundred traces falls faster than they found for
whole sets: b of 1.0 to 1.4 on Banking77). Estimates that depend on the slope are ranges, and are left out
where the points don't determine it.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models import binomial
from models.gate.frontier import Sample, frontier_points
from models.study import CurvePoint

PARTS = (8, 4, 2)
LEAST_ROWS = 60
HEAD = 0.25
STEEPEST = 2.0
FARTHEST = 16
DRAWS = 200
LIKELY = (0.1, 0.9)
FEWEST_POINTS = 3

Rows = NDArray[np.int64]


class MoreTraces(Struct, frozen=True):
    """Further traces that a refused target would need, with the same share of sampled ones.

    Attributes:
        target: agreement that did not pass.
        least, most: range that holds with 80 % chance if the error keeps falling as before; `most` is None if
            more than a tenth of the extrapolations don't reach the target with `FARTHEST` times the traces.
    """

    target: float
    least: int
    most: int | None


def curve_name(target: float) -> str:
    """Key of a target in a point's `coverage`."""
    return f"{target:g}"


def point(traces: int, sample: Sample, targets: Sequence[float], delta: float) -> CurvePoint:
    """The point of a sample that models which learned from `traces` have scored, at level `delta`."""
    coverage = {curve_name(target): 0.0 for target in targets}
    coverage |= {
        curve_name(found.target): found.coverage for found in frontier_points(sample, targets, delta)
    }
    ranked = np.argsort(-np.where(sample.eligible, sample.scores, -1.0), kind="stable")
    surest = ranked[: min(int(HEAD * len(sample)), int(sample.eligible.sum()))]
    return CurvePoint(traces, coverage, len(surest), int((~sample.agrees[surest]).sum()))


def learning_curve(
    at: Callable[[Rows], Sample | None],
    rows: int,
    targets: Sequence[float],
    delta: float,
    *,
    seconds: float,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[CurvePoint, ...]:
    """Points for an eighth, a quarter and half of the traces, fewest first; that of all is `point`.

    Args:
        at: fits on these rows alone and scores the sampled ones of them out of fold; None if it can't.
        rows: number of traces.
        targets, delta: as in `models.gate.frontier.frontier_points`.
        seconds: a fit is skipped if, at twice the time of the one before, it would end later than this.
        seed: of the parts; each is a part of the next.
        clock: monotonic, in seconds.
    """
    shuffled = np.random.default_rng(seed).permutation(rows)
    points: list[CurvePoint] = []
    started, spent = clock(), 0.0
    for size in (rows // part for part in PARTS):
        begun = clock()
        if size < LEAST_ROWS or begun - started + 2 * spent >= seconds:
            continue
        sample = at(np.sort(shuffled[:size]))
        spent = clock() - begun
        if sample is not None:
            points.append(point(size, sample, targets, delta))
    return tuple(points)


def more_traces(
    curve: Sequence[CurvePoint], target: float, delta: float = 0.05, seed: int = 0
) -> MoreTraces | None:
    """Further traces until the highest-scoring quarter proves the target; None if that can't be estimated.

    Each of many draws takes the error at every point from the posterior of its counts (Jeffreys' prior), fits
    the power law, and extrapolates it. There is no estimate with fewer than three points, or if half of the
    draws don't reach the target.

    Args:
        curve: fewest traces first, the last point with all of them.
    """
    if len(curve) < FEWEST_POINTS or min(item.surest for item in curve) == 0:
        return None
    have, generator = curve[-1].traces, np.random.default_rng(seed)
    surest = np.array([item.surest for item in curve])
    misses = np.array([item.misses for item in curve])
    errors = generator.beta(misses + 0.5, surest - misses + 0.5, (DRAWS, len(curve)))
    sizes = np.array([item.traces for item in curve], dtype=np.float64)
    laws = [_fit_law(sizes, drawn, misses + 0.5) for drawn in errors]
    needed = np.sort([_traces_needed(law, curve[-1], target, delta) for law in laws]) - have
    if not np.isfinite(needed[DRAWS // 2]):
        return None
    least, most = (float(needed[int(share * (DRAWS - 1))]) for share in LIKELY)
    return MoreTraces(target, max(0, round(least)), max(0, round(most)) if np.isfinite(most) else None)


def coverage_with(curve: Sequence[CurvePoint], target: float, traces: int) -> tuple[float, float] | None:
    """Expected coverage with this many traces, lowest and highest of the fits that leave one point out.

    The share that is deferred follows the power law. None with fewer than three points that frontier_points
    the target.
    """
    known = [(item.traces, 1.0 - item.coverage.get(curve_name(target), 0.0)) for item in curve]
    kept = np.array([(size, deferred) for size, deferred in known if deferred < 1.0], dtype=np.float64)
    if len(kept) < FEWEST_POINTS:
        return None
    fits = [np.delete(kept, [left], axis=0) for left in range(len(kept))] + [kept]
    laws = [_fit_law(part[:, 0], np.maximum(part[:, 1], 1e-4), np.ones(len(part))) for part in fits]
    reached = [1.0 - min(1.0, _error_at(law, traces)) for law in laws]
    return min(reached), max(reached)


Law = tuple[float, float]
"""log a and b of a * n^-b."""


def _fit_law(sizes: NDArray[np.float64], errors: NDArray[np.float64], weights: NDArray[np.float64]) -> Law:
    """Weighted least squares on logarithms: a count's logarithm has a variance of about one over it."""
    log_sizes, log_errors = np.log(sizes), np.log(errors)
    centre, height = np.average(log_sizes, weights=weights), np.average(log_errors, weights=weights)
    spread = float(np.sum(weights * (log_sizes - centre) ** 2))
    slope = -float(np.sum(weights * (log_sizes - centre) * (log_errors - height))) / spread
    slope = min(max(slope, 0.0), STEEPEST)
    return float(height + slope * centre), slope


def _error_at(law: Law, traces: float) -> float:
    return float(np.exp(law[0] - law[1] * np.log(traces)))


def _traces_needed(law: Law, last: CurvePoint, target: float, delta: float) -> float:
    """Fewest traces, at least those of the last point, whose highest-scoring quarter proves the target.

    Infinity if `FARTHEST` times those are not enough.
    """
    share = last.surest / last.traces

    def proves(traces: int) -> bool:
        trials = int(share * traces)
        misses = min(trials, round(_error_at(law, traces) * trials))
        return binomial.p_value(trials - misses, trials, target) <= delta

    low, high = last.traces, last.traces * FARTHEST
    if not proves(high):
        return float("inf")
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if proves(middle) else (middle + 1, high)
    return float(low)
