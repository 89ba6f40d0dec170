"""Claim of a task's answers: what they are worth now, in a few words."""

from dataclasses import dataclass
from enum import StrEnum

from streams.status.task_status import TaskStatus


class ClaimState(StrEnum):
    """What a task's answers are worth now; what needs a person first comes first.

    `STOPPED`: nothing is answered, or nobody counts audits. `LOST`: a certificate that was there is not any
    more, or is suspended.
    """

    STOPPED = "stopped"
    LOST = "lost"
    NOT_YET = "not_yet"
    CERTIFIED = "certified"

    @property
    def urgency(self) -> int:
        """Its place in the order of what needs a person; 0 comes first."""
        return list(ClaimState).index(self)


@dataclass(frozen=True, slots=True)
class TaskClaim:
    """Attributes:
    words: a few, for a table.
    """

    state: ClaimState
    words: str


def claim_of(status: TaskStatus) -> TaskClaim:
    """The worst that holds of the task comes first."""
    for holds, words in (
        (status.paused, "paused: the teacher answers"),
        (status.unguarded, "unguarded: the teacher answers"),
        (status.breaker is not None, "breaker open: the teacher answers"),
        (status.unsuitable is not None, "unsuitable: the teacher answers"),
        (status.threshold is None, "no threshold: the teacher answers"),
        (not status.is_counted, "not certified: audits uncounted"),
        (not status.complete, "not certified: lost counts are read again"),
    ):
        if holds:
            return TaskClaim(ClaimState.STOPPED, words)
    if status.suspended or status.new_labels:
        return TaskClaim(ClaimState.LOST, "suspended")
    if status.certified:
        return TaskClaim(ClaimState.CERTIFIED, "certified")
    return TaskClaim(ClaimState.NOT_YET, "not certified yet")
