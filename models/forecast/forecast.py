"""Forecast at one target: coverage with its interval, savings, and the audits that certify it.

The interval of the coverage is a percentile bootstrap (Efron 1979) of the gate traces; each resample goes
through the gate. A trace that is drawn several times stands for several requests of about its score, so its
copies get scores of their own: ties would forbid every threshold between them. The interval covers the chance
in drawing traces, not the chance in learning.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from models.forecast.audits_needed import median_audits
from models.forecast.learning_curve import MoreTraces, coverage_with, more_traces
from models.gate.frontier import Sample, frontier_points, refusal_reasons
from models.manifest import FrontierPoint
from models.noise import contradictions
from models.savings import saving
from models.study import CurvePoint, Noise

RESAMPLES = 200
INTERVAL = (2.5, 97.5)
SAME_TARGET = 1e-6
METHOD = f"percentile bootstrap of the gate's traces, {RESAMPLES} resamples, 95 %"


class Assumptions(Struct, frozen=True):
    """Assumptions of a forecast, which traces can't tell.

    Attributes:
        requests_a_day: traffic, > 0.
        price_a_call: of one answer of the teacher, >= 0, in any currency.
        audit_rate: share of all requests that the teacher labels too, for audits, in (0, 1].
        delta: chance that a target passes, or is certified, though it does not hold, in (0, 1).
    """

    requests_a_day: float
    price_a_call: float
    audit_rate: float
    delta: float


class Forecast(Struct, frozen=True):
    """The forecast at one target.

    Attributes:
        target: agreement with the teacher.
        coverage: share of the requests that would be answered; 0.0 if the target does not pass the gate.
        low, high: 95 % interval of the coverage.
        certified: share of the resamples in which the target passes the gate. (The name is that of the JSON.)
        agreement: estimated agreement on the answered requests; None if none would be answered.
        audits: after which half of all first policies like this are certified live; None if unknown.
        days: that those audits take; None if unknown.
        saved_a_day: in the currency of the price; answered requests that are audited save nothing.
        doubled: expected coverage with twice the traces, lowest and highest; None if the curve can't tell.
        more: further traces that a refused target would need; None if the curve can't tell.
        refused: why the target does not pass, in words; empty if it passes.
    """

    target: float
    coverage: float = 0.0
    low: float = 0.0
    high: float = 0.0
    certified: float = 0.0
    agreement: float | None = None
    audits: int | None = None
    days: float | None = None
    saved_a_day: float = 0.0
    doubled: tuple[float, float] | None = None
    more: MoreTraces | None = None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForecastInput:
    """What a forecast is computed from.

    Attributes:
        sample: the gate traces, scored.
        frontier: targets that pass on them.
        curve: fewest traces first, the last point with all of them.
        noise: how often the teacher contradicts itself; None if unknown.
    """

    sample: Sample
    frontier: tuple[FrontierPoint, ...]
    curve: tuple[CurvePoint, ...]
    noise: Noise | None


def forecast(inputs: ForecastInput, target: float, assumptions: Assumptions, seed: int) -> Forecast:
    """The forecast at `target`, in (0, 1); `seed` draws the resamples."""
    low, high, certified = _coverage_interval(inputs.sample, target, assumptions.delta, seed)
    partial = Forecast(target, low=low, high=high, certified=certified)
    passed = next((point for point in inputs.frontier if abs(point.target - target) < SAME_TARGET), None)
    if passed is None:
        return _refused_forecast(partial, inputs, assumptions, seed)
    return _passed_forecast(partial, inputs, passed, assumptions, seed)


def _refused_forecast(
    partial: Forecast, inputs: ForecastInput, assumptions: Assumptions, seed: int
) -> Forecast:
    refused = refusal_reasons(inputs.sample, inputs.frontier, [partial.target], assumptions.delta)
    noise_reason = contradictions.noise_refusal(inputs.noise, partial.target)
    if noise_reason is not None:
        return replace(partial, refused=(*refused, noise_reason))
    return replace(
        partial, refused=refused, more=more_traces(inputs.curve, partial.target, assumptions.delta, seed)
    )


def _passed_forecast(
    partial: Forecast, inputs: ForecastInput, passed: FrontierPoint, assumptions: Assumptions, seed: int
) -> Forecast:
    agreement = _smoothed_agreement(inputs.sample, passed.threshold)
    audits = median_audits(agreement, partial.target, assumptions.delta, seed)
    day = saving(
        passed.coverage, assumptions.requests_a_day, assumptions.price_a_call, assumptions.audit_rate
    )
    return replace(
        partial,
        coverage=passed.coverage,
        agreement=agreement,
        audits=audits,
        days=None if audits is None else audits / day.audits,
        saved_a_day=day.money,
        doubled=coverage_with(inputs.curve, partial.target, 2 * inputs.curve[-1].traces),
    )


def _coverage_interval(sample: Sample, target: float, delta: float, seed: int) -> tuple[float, float, float]:
    """Interval of the coverage, and the share of resamples that pass the gate."""
    generator = np.random.default_rng(seed)
    coverages = np.zeros(RESAMPLES)
    for number in range(RESAMPLES):
        rows = generator.integers(len(sample), size=len(sample))
        scores = _scores_of_draws(sample.scores, rows, generator)
        resample = dataclasses.replace(sample.take(rows), scores=scores)
        coverages[number] = next(
            (point.coverage for point in frontier_points(resample, (target,), delta)), 0.0
        )
    low, high = np.percentile(coverages, INTERVAL)
    return float(low), float(high), float((coverages > 0.0).mean())


def _scores_of_draws(
    scores: NDArray[np.float32], rows: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Scores of the drawn rows, float32 [m]: copies of one row differ, rows that tie still tie.

    They are ranks, since the gate looks at the order of scores alone; copies of a row are in random order.
    """
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    drawn = place[rows]
    between = np.where(count[drawn] > 1, 0.0, generator.random(len(rows)))
    _, ranks = np.unique(drawn + between, return_inverse=True)
    return np.asarray(ranks, dtype=np.float32)


def _smoothed_agreement(sample: Sample, threshold: float) -> float:
    """Agreement on the answered rows, half a disagreement added, so that few rows can't seem perfect."""
    answered = sample.eligible & (sample.scores >= threshold)
    return float((sample.agrees[answered].sum() + 0.5) / (answered.sum() + 1.0))
