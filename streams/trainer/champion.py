"""Compares a candidate with the live version: one that would answer less than a good live version is refused.

A refit on few recent traces may pass the gate and still answer little. While nothing speaks against the live
version, it stays live, and the candidate is refused; more traces make a better one. What the live version
answers is counted on the traces of the uniform sample that it has scored at its threshold of today. Where its
answers agreed less often than is promised, or too few were audited to tell, any candidate that has passed the
gate is welcome. That is an estimate, and proves nothing: certificate and alarm watch over the live version.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models import binomial
from schemas.messages import Reason, Trace

FEWEST_AUDITS = 100
LEVEL = 0.05

_ITS_OWN = frozenset(
    {
        Reason.AUDIT,
        Reason.LOW_SCORE,
        Reason.NOVEL,
        Reason.BLOCKED_LABEL,
        Reason.REMOVED_LABEL,
        Reason.BUDGET,
    }
)
"""Why a request was answered or deferred, where that was for the version to say."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The live version.

    Attributes:
        threshold: of today.
        since: Unix milliseconds; replies before say nothing of today.
        target: agreement that is promised.
        blocked: labels that it may not answer any more.
    """

    version: str
    threshold: float | None
    since: int
    target: float
    blocked: frozenset[str] = frozenset()

    def has_decided(self, trace: Trace) -> bool:
        """Whether it was for this version, as it is today, to answer or to defer this sampled request."""
        guess = trace.guess
        return (
            guess is not None
            and guess.policy == self.version
            and trace.threshold == self.threshold
            and trace.reason in _ITS_OWN
            and trace.sampled
            and trace.replied_at >= self.since
        )

    def answers(self, trace: Trace) -> bool:
        """Whether it would answer it, which was for it to decide."""
        return trace.checks_answer and trace.guess is not None and trace.guess.label not in self.blocked


def coverage_regression(coverage: float, live: Champion, traces: Iterable[Trace]) -> str | None:
    """Why a candidate that would answer this share of the requests is not worth it; None where it is."""
    decided = [trace for trace in traces if live.has_decided(trace)]
    answered = [trace for trace in decided if live.answers(trace)]
    agreed = sum(trace.guess is not None and trace.guess.label == trace.label for trace in answered)
    if len(answered) < FEWEST_AUDITS or agreed < live.target * len(answered):
        return None
    if coverage >= binomial.lower(len(answered), len(decided), LEVEL):
        return None
    return (
        f"it would answer {coverage:.1%} of the requests, and {live.version} answers {len(answered)} of "
        f"{len(decided)} sampled ones, {agreed} of them like the teacher: {live.version} goes on"
    )
