"""Lifecycle of a policy version: its stages, and the transitions that are allowed between them.

fitted ──► refused                       by the offline gate
   ├─────► shadow ──► live               scored beside the live version; refused where its trial fails
   ├─────► canary ──► live               answers a share; rolled back where its trial or its alarm says so
   ├─────► approval ► live               waits for a person, also after its trial; refused by one or its alarm
   └─────► live ────► retired            another version went live
                └───► rolled back        its alarm was raised, or an operator took it back
retired, rolled back ──► live            restored
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from streams.errors import TransitionRefused


class VersionStage(StrEnum):
    REFUSED = "refused"
    SHADOW = "shadow"
    CANARY = "canary"
    APPROVAL = "approval"
    LIVE = "live"
    RETIRED = "retired"
    ROLLED_BACK = "rolled_back"


_FITTED = frozenset(
    {
        VersionStage.REFUSED,
        VersionStage.SHADOW,
        VersionStage.CANARY,
        VersionStage.APPROVAL,
        VersionStage.LIVE,
    }
)

# A version that the offline gate refused has no files, and its name goes to the next attempt.
ALLOWED: Mapping[VersionStage | None, frozenset[VersionStage]] = MappingProxyType(
    {
        None: _FITTED,
        VersionStage.REFUSED: _FITTED,
        VersionStage.SHADOW: frozenset(
            {VersionStage.LIVE, VersionStage.APPROVAL, VersionStage.REFUSED, VersionStage.RETIRED}
        ),
        VersionStage.CANARY: frozenset(
            {VersionStage.LIVE, VersionStage.APPROVAL, VersionStage.ROLLED_BACK, VersionStage.RETIRED}
        ),
        VersionStage.APPROVAL: frozenset({VersionStage.LIVE, VersionStage.REFUSED, VersionStage.RETIRED}),
        VersionStage.LIVE: frozenset({VersionStage.RETIRED, VersionStage.ROLLED_BACK}),
        VersionStage.RETIRED: frozenset({VersionStage.LIVE}),
        VersionStage.ROLLED_BACK: frozenset({VersionStage.LIVE}),
    }
)


class Transition(Struct, frozen=True):
    """A version goes from one stage to another.

    Attributes:
        before: None for a new version.
        at: Unix milliseconds.
        by: the role, `operator`, or the name of the person who approved or refused it.
        reason: for people.
    """

    version: str
    before: VersionStage | None
    after: VersionStage
    at: int
    by: str
    reason: str

    def __post_init__(self) -> None:
        if self.after not in ALLOWED[self.before]:
            was = self.before or "unknown"
            raise TransitionRefused(f"{self.version} is {was}: from there it can't become {self.after}")


def stages(history: Iterable[Transition]) -> dict[str, VersionStage]:
    """The stage of each version, after transitions that are in order."""
    return {transition.version: transition.after for transition in history}


def never_approved(history: Iterable[Transition]) -> frozenset[str]:
    """The versions that have waited for a person's approval and were never live.

    Args:
        history: transitions that are in order.
    """
    waited = set[str]()
    for transition in history:
        if transition.before in (None, VersionStage.REFUSED) or transition.after is VersionStage.LIVE:
            waited.discard(transition.version)
        if transition.after is VersionStage.APPROVAL:
            waited.add(transition.version)
    return frozenset(waited)


def replaced_versions(history: Iterable[Transition]) -> frozenset[str]:
    """The versions that were live until others took their place; a trial that ended is none.

    Args:
        history: transitions that are in order.
    """
    newest = {transition.version: transition for transition in history}
    return frozenset(
        version
        for version, last in newest.items()
        if last.before is VersionStage.LIVE and last.after is VersionStage.RETIRED
    )
