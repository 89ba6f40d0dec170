"""Guard: since when nobody may have counted the audits, and what follows from it.

The `certify` role says again and again until when it has folded everything that it reads. If it is dead,
stuck, behind or cut off, or has lost counts, that moment stays where it is, and its age grows:

    less than a minute         what the counts prove holds
    a minute or more           nothing counts as certified, so `auto` audits at `audit_high`
    `guard_staleness` or more  nothing is answered: an alarm could not be raised
"""

from dataclasses import dataclass
from typing import Literal

FRESH = 60.0
"""Seconds."""
NEVER: Literal["never"] = "never"


@dataclass(frozen=True, slots=True)
class Guard:
    """Attributes:
    age: seconds since the moment until which all audits are counted; >= 0.
    rebuilding: counts that Redis has lost are being read again.
    unseen: this process has never seen a heartbeat, so `age` only says for how long it has looked.
    """

    age: float = 0.0
    rebuilding: bool = False
    unseen: bool = False

    @property
    def is_fresh(self) -> bool:
        """Whether a certificate that Redis holds may be shown and relied on."""
        return self.age < FRESH and not self.rebuilding and not self.unseen

    def stops(self, staleness: float | Literal["never"]) -> bool:
        """Whether nothing may be answered; `staleness` is the task's `guard_staleness`."""
        return staleness != NEVER and self.age >= staleness


GUARDED = Guard()
