"""Version change: makes what a person has planned for a task's versions, and keeps who, when and why."""

import logging
from dataclasses import dataclass

from schemas.event import Event
from schemas.events import BreakerClosedDetails, PinnedDetails, UnpinnedDetails
from schemas.operator_change import ChangedValue, ChangeKind, ChangeWish, OperatorChange
from schemas.secrets import masked
from streams.changes.author import ChangeAuthor
from streams.changes.version_plan import VersionPlan
from streams.errors import ChangeOutdated, StateUnavailable, TransitionRefused
from streams.state.operator_changes import OperatorChangeLog
from streams.state.registry import Registry
from streams.versions.events import OperatorDetails, operator_event, transition_event
from streams.versions.serving_state import ServingChange, ServingState

log = logging.getLogger(__name__)

OUTDATED = "it has changed since it was shown: look at what would change now"


@dataclass(frozen=True, slots=True)
class ChangedVersions:
    """Attributes:
    made: as it is kept.
    events: that tell of it, to be written.
    """

    made: OperatorChange
    events: tuple[Event, ...]


async def change_versions(
    registry: Registry,
    kept: OperatorChangeLog,
    task: str,
    wish: ChangeWish,
    author: ChangeAuthor,
    plan: VersionPlan,
    shown: tuple[ChangedValue, ...] | None = None,
) -> ChangedVersions:
    """Make the plan of a wish.

    Args:
        shown: the diff that may be made, and no other; None: any.

    Raises:
        ChangeOutdated: the diff is another one by now.
        TransitionRefused: says why not.
        StateUnavailable: Redis is away.
    """
    decided_on: list[ServingState] = []

    def decide(state: ServingState) -> ServingChange:
        decided_on.append(state)
        decided = plan.decide(state)
        if shown is not None and serving_diff(state, decided.serving_state) != shown:
            raise ChangeOutdated(OUTDATED)
        return decided

    change = await registry.change(task, decide)
    if change is None:
        raise TransitionRefused("nothing was changed")
    before, after = decided_on[-1], change.serving_state
    diff, undo = serving_diff(before, after), undo_wish(wish, before, after)
    made = OperatorChange(author.at, author.by, masked(author.reason), wish.what, diff, undo)
    await keep_change(kept, task, made)
    return ChangedVersions(made, tuple(version_events(task, wish, change, author)))


async def keep_change(kept: OperatorChangeLog, task: str, made: OperatorChange) -> None:
    """Note a change that is made; where Redis is away, the log says so."""
    try:
        await kept.add(task, made)
    except StateUnavailable as error:
        log.warning("a change is made, and is not in the list of changes: task=%s: %s", task, error)


def version_events(task: str, wish: ChangeWish, change: ServingChange, author: ChangeAuthor) -> list[Event]:
    """The events of a change: of its moves, and of the command where that changes more than moves.

    A version that goes live closes the breaker: that needs an event of its own only where no version moved.
    """
    details, events = _details(wish, author), list[Event]()
    if change.moves:
        events.append(transition_event(task, change, author.at))
    if not isinstance(details, BreakerClosedDetails) or not change.moves:
        events.insert(0, operator_event(task, details, author.at))
    return events


def serving_diff(before: ServingState, after: ServingState) -> tuple[ChangedValue, ...]:
    """What changes for people, whatever their reason; times alone are no change."""
    old, new = _words_of(before), _words_of(after)
    return tuple(ChangedValue(name, old[name], new[name]) for name in old if old[name] != new[name])


def undo_wish(wish: ChangeWish, before: ServingState, after: ServingState) -> ChangeWish | None:
    """What takes a change back; None where nothing does."""
    if wish.what in ("pin", "unpin"):
        return ChangeWish("unpin" if wish.what == "pin" else "pin")
    was, now = before.active, after.active
    if was is None or now is None or was.version == now.version or before.breaker.stops(was.version):
        return None
    back: ChangeKind = "promote" if wish.what == "rollback" else "rollback"
    return ChangeWish(back, version=was.version, live=now.version)


def _details(wish: ChangeWish, author: ChangeAuthor) -> OperatorDetails:
    if wish.what == "pin":
        return PinnedDetails(author.reason, author.by)
    if wish.what == "unpin":
        return UnpinnedDetails(author.reason, author.by)
    return BreakerClosedDetails(author.reason, author.by)


def _words_of(state: ServingState) -> dict[str, str | None]:
    live, tried = state.active, state.candidate
    stopped = state.breaker.stops(live.version if live else None)
    return {
        "live version": live.version if live else None,
        "beside it": f"{tried.version} ({tried.plan.mode.value})" if tried else None,
        "breaker": "open: everything is deferred" if stopped else "closed",
        "promotions": "pinned" if state.pin else "free",
    }
