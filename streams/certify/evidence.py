"""Evidence of an alarm: why a version's agreement is held to be below the target, and who acts on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from models.certificate import Certificate
from streams.certify.deferral_state import DeferralState


@dataclass(frozen=True, slots=True)
class AlarmEvidence:
    """The counts behind an alarm.

    Attributes:
        target: agreement that was promised, in (0, 1).
        counts: of the certificate's whole life.
        since: Unix milliseconds at which the suspicion began, by the time of the audit's trace: the newest
            moment at which the alarm's evidence stood where it starts. None where that is not known: then
            only traces that come after the alarm calibrate again.
        labels: counts for each label that the surrogate gave, since the suspicion began where that is known.
        audits: since then, `unanswered` of them without a label, where these have raised the alarm; else 0.
    """

    target: float
    counts: Certificate
    since: int | None = None
    labels: Mapping[str, Certificate] = field(default_factory=dict)
    audits: int = 0
    unanswered: int = 0

    @property
    def is_silence(self) -> bool:
        """Whether too many audits without a label have raised the alarm."""
        return self.unanswered > 0

    @property
    def recent(self) -> Certificate:
        """Counts since the suspicion began; of the whole life where that is not known."""
        recent = total(self.labels.values())
        return recent if recent.audits else self.counts


def total(counts: Iterable[Certificate]) -> Certificate:
    """The counts of all of them together."""
    every = tuple(counts)
    return Certificate(sum(one.audits for one in every), sum(one.agreements for one in every))


class OnDeferralDrift(Protocol):
    """Called after each fold that leaves drift of a version's deferrals unreported; again does no harm."""

    async def __call__(self, task: str, version: str, state: DeferralState) -> None:
        """Raises:
        StateUnavailable: nothing was reported; the batch is to be read again.
        """


class OnAlarm(Protocol):
    """Called after each fold that leaves a version's alarm raised; calling it again changes nothing."""

    async def __call__(self, task: str, version: str, evidence: AlarmEvidence) -> str | None:
        """The label that is blocked instead of stopping the version; None where the version is stopped.

        Raises:
            StateUnavailable: nothing was changed; the batch is to be read again.
        """
