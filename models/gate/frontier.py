"""For which target agreements answering can be certified, at what threshold, and why not for the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import binomial
from models.gate import thresholds
from models.manifest import FrontierPoint
from models.sample_size import fewest_trials


@dataclass(frozen=True, slots=True)
class Sample:
    """The sampled traces, scored out of fold.

    Attributes:
        scores: float32 [n].
        agrees: bool [n], the surrogate's label is the teacher's.
        eligible: bool [n], neither novel nor of a blocked label: what a threshold may answer.
    """

    scores: NDArray[np.float32]
    agrees: NDArray[np.bool_]
    eligible: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scores)


def certify(sample: Sample, targets: Sequence[float], delta: float) -> tuple[FrontierPoint, ...]:
    """The targets that can be certified, each at `delta`, in the order given."""
    points = []
    for target in targets:
        passed = thresholds.widest_threshold(
            sample.scores[sample.eligible], sample.agrees[sample.eligible], len(sample), target, delta
        )
        if passed is not None:
            low = binomial.lower(passed.agreements, passed.accepted, delta)
            points.append(FrontierPoint(target, passed.threshold, passed.accepted / len(sample), low))
    return tuple(points)


def too_few(sampled: int, targets: Sequence[float], delta: float) -> tuple[str, ...]:
    """Why no target can be certified with so few sampled traces, whatever is learned; empty if one may be."""
    wanted = fewest_trials(min(targets), delta)
    if sampled >= wanted:
        return ()
    return (f"{sampled} sampled traces, {min(targets):g} needs {wanted} even if all agree: wait for more",)


def refusal_reasons(
    sample: Sample, points: Sequence[FrontierPoint], targets: Sequence[float], delta: float
) -> tuple[str, ...]:
    """A sentence for each asked target that was not certified, and what would help."""
    certified = {point.target for point in points}
    highest = max(certified, default=None)
    helps = "no target from .80 up can be: more traces, or a clearer prompt for the teacher"
    if highest is not None:
        helps = f"{highest:g} can be: lower the target to that, or wait for more traces"
    return tuple(f"{_shown(sample, target, delta)}; {helps}" for target in targets if target not in certified)


def _shown(sample: Sample, target: float, delta: float) -> str:
    """How near the most certain quarter of the sample comes to the target."""
    ranked = np.argsort(-np.where(sample.eligible, sample.scores, -1.0), kind="stable")
    count = min(max(len(sample) // 4, fewest_trials(target, delta)), int(sample.eligible.sum()))
    agreements = int(sample.agrees[ranked[:count]].sum())
    low = binomial.lower(agreements, count, delta)
    return (
        f"{target:g} could not be certified: where the surrogate is surest, on {count:,} of {len(sample):,} "
        f"sampled traces, it agrees with the teacher {agreements:,} times, which proves {low:.3f}"
    )
