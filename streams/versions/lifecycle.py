"""The life of a policy version: which states there are, and from which a version may move to which.

fitted ──► refused                       by the offline gate
   ├─────► shadow ──► live               scored beside the live version; refused where its trial fails
   ├─────► canary ──► live               answers a share; rolled back where its trial or its alarm says so
   └─────► live ────► retired            another version went live
                └───► rolled back        its alarm was raised, or an operator took it back
retired, rolled back ──► live            restored
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from streams.errors import MoveRefused


class State(StrEnum):
    REFUSED = "refused"
    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"
    RETIRED = "retired"
    ROLLED_BACK = "rolled_back"


_FITTED = frozenset({State.REFUSED, State.SHADOW, State.CANARY, State.LIVE})

# A version that the offline gate refused has no files, and its name goes to the next attempt.
ALLOWED: Mapping[State | None, frozenset[State]] = MappingProxyType(
    {
        None: _FITTED,
        State.REFUSED: _FITTED,
        State.SHADOW: frozenset({State.LIVE, State.REFUSED, State.RETIRED}),
        State.CANARY: frozenset({State.LIVE, State.ROLLED_BACK, State.RETIRED}),
        State.LIVE: frozenset({State.RETIRED, State.ROLLED_BACK}),
        State.RETIRED: frozenset({State.LIVE}),
        State.ROLLED_BACK: frozenset({State.LIVE}),
    }
)


class Move(Struct, frozen=True):
    """A version goes from one state to another.

    Attributes:
        before: None for a version of which nothing is known yet.
        at: Unix milliseconds.
        by: the role, or `operator`.
        reason: for people.
    """

    version: str
    before: State | None
    after: State
    at: int
    by: str
    reason: str

    def __post_init__(self) -> None:
        if self.after not in ALLOWED[self.before]:
            was = self.before or "unknown"
            raise MoveRefused(f"{self.version} is {was}: from there it can't become {self.after}")


def states(history: Iterable[Move]) -> dict[str, State]:
    """The state of each version, after moves that are in order."""
    return {move.version: move.after for move in history}
