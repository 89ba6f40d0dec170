"""Recent events: the newest of all tasks, in memory, as lines of a time line."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from schemas.events import Event, EventKind
from schemas.secrets import masked

KEPT = 5_000
"""Events, of about half a kilobyte each."""
_LONGEST = 600
_BAD = frozenset(
    {
        EventKind.ALARM,
        EventKind.ROLLBACK,
        EventKind.CERTIFICATE_LOST,
        EventKind.SERVICE_CERTIFICATE_LOST,
        EventKind.PROMISE_MISSED,
        EventKind.AUDITS_FAILED,
        EventKind.BACKLOG_AT_RISK,
        EventKind.CONFIG_REJECTED,
        EventKind.REPLIES_UNREADABLE,
        EventKind.LABELS_CAPPED,
        EventKind.TASKS_CAPPED,
        EventKind.DRIFT,
    }
)
_GOOD = frozenset(
    {
        EventKind.PROMOTED,
        EventKind.CERTIFIED,
        EventKind.SERVICE_CERTIFIED,
        EventKind.BREAKER_CLOSED,
        EventKind.REPLIES_READABLE,
    }
)

Tone = Literal["bad", "good", "plain"]


class EventLine(Struct, frozen=True):
    """What is kept of an event.

    Attributes:
        text: its sentence, without the task in front.
        version: that it is about; None where it is about none.
        by: the person or role that did it; None where the event does not say.
    """

    at: int
    task: str
    kind: EventKind
    text: str
    version: str | None = None
    by: str | None = None

    @property
    def tone(self) -> Tone:
        """Whether somebody should look at it."""
        return "bad" if self.kind in _BAD else "good" if self.kind in _GOOD else "plain"


class RecentEvents:
    """Used on the event loop only. The oldest goes first.

    Attributes:
        noted: events so far, also those that have gone.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._lines: deque[EventLine] = deque(maxlen=kept)
        self.noted = 0

    def __len__(self) -> int:
        return len(self._lines)

    def note(self, events: Iterable[Event]) -> None:
        """Keep events. Partitions come in any order, so they are put in that of their times."""
        added = [event_line(event) for event in events]
        if not added:
            return
        self.noted += len(added)
        newest = self._lines[-1].at if self._lines else 0
        self._lines.extend(added)
        if len(added) > 1 or added[0].at < newest:
            lines = sorted(self._lines, key=lambda line: line.at)
            self._lines = deque(lines, self._lines.maxlen)

    def tell_of(self, task: str) -> bool:
        """Whether any of them is of the task."""
        return any(line.task == task for line in self._lines)

    def lines(self) -> Iterator[EventLine]:
        """The lines, the oldest first."""
        return iter(self._lines)


def event_line(event: Event) -> EventLine:
    text = masked(event.message).removeprefix(f"{event.task}: ")
    version = event.details.get("version")
    return EventLine(
        event.at,
        event.task,
        event.kind,
        text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…",
        version if isinstance(version, str) else None,
        _by(event),
    )


def _by(event: Event) -> str | None:
    """Who did it: stands in the details themselves, or in the last of the moves that they hold."""
    moves = event.details.get("moves")
    last = moves[-1] if isinstance(moves, list) and moves else event.details
    by = last.get("by") if isinstance(last, dict) else None
    return by if isinstance(by, str) else None
