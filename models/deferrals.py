"""Drift of deferred requests: does the teacher agree with their guesses less often than their scores say?

Every deferred request gets the teacher's label, and the surrogate has guessed one, with a score. So deferred
traffic shows a change of the teacher or of the requests long before the few audits of answers do. It proves
nothing about answers: it only asks to look closer.

It is a mixture of Shiryaev-Roberts detectors (Shiryaev 1963, Roberts 1966), one for each factor f by which
the odds of agreement may have fallen. With R = 0 at first and L the likelihood ratio of the next outcome,

    R <- (R + 1) * L        L = 1 / (p + f (1 - p)) if the teacher agrees, else f / (p + f (1 - p)),

where p is the agreement that is expected of this request. While each request agrees with a probability of at
least its p, R minus the number of requests is a supermartingale. So the mean of R reaches `RUN_LENGTH` within
n requests with a probability of at most n / RUN_LENGTH, and after at least `RUN_LENGTH` requests on average.

Scores under a threshold are not exactly calibrated, so their log-odds are shifted first
(`models.gate.deferred_shift`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.manifest import FrontierPoint

RUN_LENGTH = 50_000.0
FACTORS = (2.0, 4.0)
LEAST, MOST = 0.02, 0.98
"""Expectations are cut to these: none is so certain that one outcome decides."""


@dataclass(frozen=True, slots=True)
class DeferralDetector:
    """Evidence that deferred requests agree less than expected. A raised detector stays raised.

    Attributes:
        suspicion: Shiryaev-Roberts statistic for each of `FACTORS`, >= 0.
    """

    suspicion: tuple[float, ...] = (0.0,) * len(FACTORS)

    @property
    def evidence(self) -> float:
        """Mean of the statistics; it grows by at most 1 a request, in expectation, while nothing falls."""
        return sum(self.suspicion) / len(FACTORS)

    @property
    def raised(self) -> bool:
        return self.evidence >= RUN_LENGTH

    def after(self, expected: float, agreed: bool) -> "DeferralDetector":
        """The detector after one more deferred request, of which agreement was `expected`, in [0, 1]."""
        if self.raised:
            return self
        ratios = (likelihood_ratio(expected, factor, agreed) for factor in FACTORS)
        suspicion = tuple((old + 1.0) * ratio for old, ratio in zip(self.suspicion, ratios, strict=True))
        return replace(self, suspicion=suspicion)


def likelihood_ratio(expected: float, factor: float, agreed: bool) -> float:
    """Of an outcome whose odds of agreement have fallen by `factor`, to one that agrees as `expected`."""
    chance = min(max(expected, LEAST), MOST)
    return (1.0 if agreed else factor) / (chance + factor * (1.0 - chance))


def expected_agreement(score: float, shift: float) -> float:
    """Probability, cautious, that the teacher agrees with a guess that was deferred for its score, in (0, 1).

    Args:
        shift: of the log-odds (`models.gate.deferred_shift`).
    """
    chance = min(max(score, LEAST), MOST)
    return 1.0 / (1.0 + math.exp(math.log(1.0 - chance) - math.log(chance) - shift))


def shift_at(points: Sequence[FrontierPoint], threshold: float) -> float | None:
    """The shift for scores under a threshold: that of the point whose threshold is nearest; None if unknown.

    Policies of earlier releases have none.
    """
    known = [(abs(one.threshold - threshold), one.deferred_shift) for one in points]
    return min(known, key=lambda pair: pair[0])[1] if known else None
