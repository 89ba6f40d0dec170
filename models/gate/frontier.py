"""The frontier: the target agreements that pass the gate, their thresholds, and reasons for the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import binomial
from models.gate import thresholds
from models.gate.time_dependence import newest_counts, refuted_lately
from models.manifest import FrontierPoint
from models.sample_size import fewest_trials

SPENT = 0.8
"""Share of delta that tests spend. Rows scored by models that share most of their traces vary a little more
than independent rows. In 30 to 40 draws of 500, 900 and 1,500 traces of Banking77, five targets each, tests
at all of delta = .05 missed in .045, .040 and .053 of the cases with vectors, in .005, .045 and .025 with
text; at .8 of it in .035, .035 and .033, and in .005, .040 and .015. That costs half a point of coverage."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The gate traces, scored out of fold.

    Attributes:
        scores: float32 [n].
        agrees: bool [n], the surrogate's label is the teacher's.
        eligible: bool [n], neither novel nor of a blocked label: what a threshold may answer.
        ordered: the traces are in the order of time, oldest first, so that the newest are tested alone too.
        newcomers: share of the newest traces whose labels were hardly there before, in [0, 1].
        traffic: all sampled traces that could have been drawn, copies of the same text among them; None where
            each of them is in the sample.
    """

    scores: NDArray[np.float32]
    agrees: NDArray[np.bool_]
    eligible: NDArray[np.bool_]
    ordered: bool = False
    newcomers: float = 0.0
    traffic: "Sample | None" = None

    def __len__(self) -> int:
        return len(self.scores)

    def answered(self, threshold: float) -> NDArray[np.bool_]:
        """bool [n], what this threshold answers."""
        return np.asarray(self.eligible & (self.scores >= threshold))

    def coverage(self, threshold: float) -> float:
        """Share of the traffic that this threshold answers."""
        return float((self.traffic or self).answered(threshold).mean())

    def agreement(self, threshold: float) -> float:
        """Share of the answers of this threshold to the traffic that agree; it must answer some."""
        whole = self.traffic or self
        return float(whole.agrees[whole.answered(threshold)].mean())

    def take(self, rows: NDArray[np.int64]) -> "Sample":
        """These traces, in an order that says nothing, without the traffic."""
        return Sample(self.scores[rows], self.agrees[rows], self.eligible[rows])


def gate_sample(
    scores: NDArray[np.float32],
    agrees: NDArray[np.bool_],
    eligible: NDArray[np.bool_],
    rows: NDArray[np.bool_],
    *,
    traffic: Sample | None = None,
    ordered: bool = False,
    newcomers: float = 0.0,
) -> Sample:
    """The sample of the gate, from n traces; all arrays are [n]."""
    return Sample(scores[rows], agrees[rows], eligible[rows], ordered, newcomers, traffic)


def frontier_points(sample: Sample, targets: Sequence[float], delta: float) -> tuple[FrontierPoint, ...]:
    """The points of the targets that pass the gate, each at `delta`, in the order given."""
    points = []
    for target in targets:
        passed = _widest_threshold(sample, target, delta)
        if passed is not None and not _is_refuted(sample, passed.threshold, target):
            low = binomial.lower(passed.agreements, passed.accepted, delta)
            points.append(FrontierPoint(target, passed.threshold, sample.coverage(passed.threshold), low))
    return tuple(points)


def _level(delta: float) -> float:
    """The level of a target's tests."""
    return SPENT * delta


def _widest_threshold(sample: Sample, target: float, delta: float) -> thresholds.PassedThreshold | None:
    return thresholds.widest_threshold(
        sample.scores[sample.eligible], sample.agrees[sample.eligible], len(sample), target, _level(delta)
    )


def _is_refuted(sample: Sample, threshold: float, target: float) -> bool:
    """Whether copies or the newest traces speak against the target, although the traces themselves pass."""
    if sample.agreement(threshold) < target:
        return True
    refuted = sample.ordered and refuted_lately(sample.answered(threshold), sample.agrees, target)
    return refuted or sample.newcomers > 1.0 - target


def shortage_reasons(sampled: int, targets: Sequence[float], delta: float) -> tuple[str, ...]:
    """Why no target can pass with so few sampled traces, whatever is learned; empty if one may."""
    needed = fewest_trials(min(targets), _level(delta))
    if sampled >= needed:
        return ()
    few = f"too few sampled traces: {sampled}; target {min(targets):g} needs {needed} even if all agree"
    return (f"{few}: wait for more",)


def refusal_reasons(
    sample: Sample, points: Sequence[FrontierPoint], targets: Sequence[float], delta: float
) -> tuple[str, ...]:
    """A sentence for each asked target that did not pass, and what would help."""
    passed = {point.target for point in points}
    highest = max(passed, default=None)
    advice = "no target from .80 up passes: wait for more traces, or make the teacher's prompt clearer"
    if highest is not None:
        advice = f"{highest:g} passes: lower the target to that, or wait for more traces"
    return tuple(
        f"{_shortfall(sample, target, delta)}; {advice}" for target in targets if target not in passed
    )


def _shortfall(sample: Sample, target: float, delta: float) -> str:
    """How close the highest-scoring quarter of the sample, or its newest fifth, comes to the target."""
    passed = _widest_threshold(sample, target, delta)
    if passed is not None:
        return _refutation(sample, passed.threshold, target)
    ranked = np.argsort(-np.where(sample.eligible, sample.scores, -1.0), kind="stable")
    count = min(max(len(sample) // 4, fewest_trials(target, _level(delta))), int(sample.eligible.sum()))
    agreements = int(sample.agrees[ranked[:count]].sum())
    low = binomial.lower(agreements, count, _level(delta))
    return (
        f"target {target:g} did not pass the gate: on the {count:,} highest-scoring of {len(sample):,} "
        f"sampled traces the surrogate agrees with the teacher {agreements:,} times, which proves {low:.3f}"
    )


def _refutation(sample: Sample, threshold: float, target: float) -> str:
    """What speaks against the target, although the traces themselves pass."""
    passes = f"target {target:g} did not pass the gate: it would on all {len(sample):,} sampled traces, but"
    agreement = sample.agreement(threshold)
    if agreement < target:
        return (
            f"{passes} with all copies of their texts the teacher agrees with {agreement:.1%} of the "
            "answers, less often than where each text counts once"
        )
    differs = "what came last differs from what came before"
    if sample.newcomers > 1.0 - target:
        return (
            f"{passes} {sample.newcomers:.1%} of the newest fifth have labels that were hardly there before, "
            f"and the target allows {1.0 - target:.1%} disagreements: {differs}"
        )
    trials, hits = newest_counts(sample.answered(threshold), sample.agrees)
    newest = f"the {trials:,} answers to the newest fifth"
    return f"{passes} the teacher agrees with only {hits:,} of {newest}: {differs}"
