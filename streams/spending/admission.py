"""Admission of calls: how many calls of the teacher may begin now, and which limit holds back the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from schemas.config import EVERY_TASK, TeacherConfig
from streams.spending.cost import CallCost, CallKind

DAILY = frozenset({"calls_per_day", "tokens_per_day", "money_per_day"})


class Ceiling(NamedTuple):
    """A limit that is reached.

    Attributes:
        scope: the task, or `*` for all tasks together.
        limit: the field's name in `teacher.limits`.
        allowed: its value.
        is_final: no call of today will be allowed any more.
        why: what is amiss, where it is not the limit itself.
    """

    scope: str
    limit: str
    allowed: float
    is_final: bool = False
    why: str = ""

    @property
    def sentence(self) -> str:
        """What holds calls back, and what to do."""
        field = f"teacher.{'total_limits' if self.scope == EVERY_TASK else 'limits'}.{self.limit}"
        if self.why:
            return f"`{field}`: {self.why}"
        until = ", until 00:00 UTC" if self.is_final else ""
        return f"`{field}` of {self.allowed:g} is reached{until}: raise it, or wait"


@dataclass(frozen=True, slots=True)
class Admission:
    """Attributes:
    permits: one for each call that may begin; each must be ended (`Budget.end`).
    wait: seconds until it is worth asking again; 0 where all calls were admitted.
    ceiling: that holds back the others; None where none does.
    """

    permits: Sequence[str]
    wait: float = 0.0
    ceiling: Ceiling | None = None


class Budget(Protocol):
    """What calls may begin, and what they have cost."""

    def is_limited(self, config: TeacherConfig) -> bool:
        """Whether calls have to be admitted."""
        ...

    async def admit(self, task: str, config: TeacherConfig, wanted: int) -> Admission:
        """Admit as many of the calls as the limits allow."""
        ...

    def end(self, task: str, permit: str) -> None:
        """The call of a permit has ended, or was not made."""
        ...

    def record(self, task: str, config: TeacherConfig, kind: CallKind, cost: CallCost) -> None:
        """Count what a call has cost."""
        ...
