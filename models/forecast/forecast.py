"""What can be had at one target: coverage and how sure it is, what it saves, and what it takes to prove it.

The interval of the coverage is a percentile bootstrap (Efron 1979) of the traces that frontier_points, each
resample gated anew: it holds the luck of the draw, not that of learning.
"""

from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from models.forecast.audits_needed import median_audits
from models.forecast.learning_curve import MoreTraces, coverage_with, more_traces
from models.gate.frontier import Sample, frontier_points, refusal_reasons
from models.manifest import FrontierPoint
from models.noise import contradictions
from models.study import CurvePoint, Noise

RESAMPLES = 200
INTERVAL = (2.5, 97.5)
SAME = 1e-6
METHOD = f"percentile bootstrap of the certifying traces, {RESAMPLES} resamples, 95 %"


class Assumptions(Struct, frozen=True):
    """What traces can't tell.

    Attributes:
        requests_a_day: traffic, > 0.
        price_a_call: of one answer of the teacher, >= 0, in any currency.
        audit_rate: share of all requests that the teacher answers whatever the surrogate says, in (0, 1].
        delta: chance of certifying what does not hold, in (0, 1).
    """

    requests_a_day: float
    price_a_call: float
    audit_rate: float
    delta: float


class Forecast(Struct, frozen=True):
    """What can be had at one target.

    Attributes:
        target: agreement with the teacher that is wanted.
        coverage: share of the traffic that could be answered; 0.0 if the target can't be certified.
        low, high: 95 % interval of the coverage.
        certified: share of the resamples in which the target was certified at all.
        agreement: estimated agreement on what would be answered; None if nothing would.
        audits: after so many, half of all first policies like this are proven live; None if it can't be told.
        days: that those audits take.
        saved_a_day: in the currency of the price; answered requests that are audited save nothing.
        doubled: coverage to expect with twice the traces, lowest and highest; None if the curve can't tell.
        more: how many more traces a refused target would need; None if the curve can't tell.
        refused: why it can't be certified, in words; empty if it can.
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
    """What prospects are read from.

    Attributes:
        sample: the certifying traces, scored.
        frontier: what they frontier_points.
        curve: fewest traces first, the last with all of them.
        noise: how often the teacher contradicts itself.
    """

    sample: Sample
    frontier: tuple[FrontierPoint, ...]
    curve: tuple[CurvePoint, ...]
    noise: Noise | None


def forecast(outlook: ForecastInput, target: float, assumed: Assumptions, seed: int) -> Forecast:
    """At `target`, in (0, 1); `seed` draws the resamples."""
    low, high, certified = _resampled(outlook.sample, target, assumed.delta, seed)
    known = Forecast(target, low=low, high=high, certified=certified)
    reached = next((point for point in outlook.frontier if abs(point.target - target) < SAME), None)
    if reached is None:
        return _refused(known, outlook, assumed, seed)
    return _certified(known, outlook, reached, assumed, seed)


def _refused(known: Forecast, outlook: ForecastInput, assumed: Assumptions, seed: int) -> Forecast:
    refused = refusal_reasons(outlook.sample, outlook.frontier, [known.target], assumed.delta)
    unsteady = contradictions.noise_refusal(outlook.noise, known.target)
    if unsteady is not None:
        return replace(known, refused=(*refused, unsteady))
    return replace(known, refused=refused, more=more_traces(outlook.curve, known.target, assumed.delta, seed))


def _certified(
    known: Forecast, outlook: ForecastInput, reached: FrontierPoint, assumed: Assumptions, seed: int
) -> Forecast:
    agreement = _agreement(outlook.sample, reached.threshold)
    audits = median_audits(agreement, known.target, assumed.delta, seed)
    a_day = assumed.requests_a_day * assumed.audit_rate * reached.coverage
    return replace(
        known,
        coverage=reached.coverage,
        agreement=agreement,
        audits=audits,
        days=None if audits is None else audits / a_day,
        saved_a_day=saved_a_day(reached.coverage, assumed),
        doubled=coverage_with(outlook.curve, known.target, 2 * outlook.curve[-1].traces),
    )


def saved_a_day(coverage: float, assumed: Assumptions) -> float:
    """A day's calls that need not be made, at their price; the surrogate's own cost is not in it."""
    return assumed.requests_a_day * assumed.price_a_call * coverage * (1.0 - assumed.audit_rate)


def _resampled(sample: Sample, target: float, delta: float, seed: int) -> tuple[float, float, float]:
    """Interval of the coverage, and the share of resamples that frontier_points."""
    generator = np.random.default_rng(seed)
    found = np.zeros(RESAMPLES)
    for number in range(RESAMPLES):
        rows = generator.integers(len(sample), size=len(sample))
        drawn = Sample(sample.scores[rows], sample.agrees[rows], sample.eligible[rows])
        found[number] = next((point.coverage for point in frontier_points(drawn, (target,), delta)), 0.0)
    low, high = np.percentile(found, INTERVAL)
    return float(low), float(high), float((found > 0.0).mean())


def _agreement(sample: Sample, threshold: float) -> float:
    """On what the threshold answers; one half counts as a disagreement, so that few can't seem perfect."""
    answered = sample.eligible & (sample.scores >= threshold)
    return float((sample.agrees[answered].sum() + 0.5) / (answered.sum() + 1.0))
