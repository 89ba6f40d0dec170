"""What certify knows of a version whose alarm is raised, and whom it tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Counts:
    """Attributes:
    audits: answered by the surrogate and put to the teacher as well.
    agreements: those on which the teacher gave the same label.
    """

    audits: int = 0
    agreements: int = 0


@dataclass(frozen=True, slots=True)
class AlarmEvidence:
    """Why agreement is held to be below the target now.

    Attributes:
        target: the agreement that was promised.
        counts: of the version's whole life.
        since: Unix milliseconds at which the suspicion began, by the time of the audit's trace: the newest
            moment at which the alarm's evidence stood where it starts. None where that is not known: then
            only traces that come after the alarm certify again.
        labels: counts for each label that the surrogate gave, since the suspicion began where that is known.
    """

    target: float
    counts: Counts
    since: int | None = None
    labels: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def recent(self) -> Counts:
        """Counts since the suspicion began; of the whole life where that is not known."""
        found = self.labels.values()
        recent = Counts(sum(one.audits for one in found), sum(one.agreements for one in found))
        return recent if recent.audits else self.counts


class OnAlarm(Protocol):
    """Called after each fold that leaves a version's alarm raised; calling it again changes nothing."""

    async def __call__(self, task: str, version: str, evidence: AlarmEvidence) -> bool:
        """True where one label was blocked in place of the version: the alarm then starts anew.

        Raises:
            StateUnavailable: nothing was changed; the batch is to be read again.
        """
