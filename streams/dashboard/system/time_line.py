"""Time line: what is shown of the newest events. Routine ones are folded into one line.

Routine are refits that changed nothing, and events that say the same again and again. What a person has done,
and what came of a trial, is never folded away.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from schemas.config import EVERY_TASK
from schemas.events import EventKind
from streams.dashboard.system.recent_events import EventLine, Tone
from streams.wording import counted

MOST_ROWS = 200
_MOST_NAMES = 500
_FEWEST = 2
"""Refits, or equal events, that are folded."""
_REFITS = (EventKind.REFIT, EventKind.REFUSED)


class EventFilter(NamedTuple):
    """Which events a caller is shown.

    Attributes:
        tasks: of the caller's key; None: all.
        task: the one that is asked for; None: any.
        folded: routine events are folded.
    """

    tasks: frozenset[str] | None = None
    task: str | None = None
    kind: str | None = None
    folded: bool = True

    def allows(self, task: str) -> bool:
        """Whether events of a task may be shown at all; `*` are those about all tasks."""
        return self.tasks is None or task in self.tasks

    def suits(self, line: EventLine) -> bool:
        return (
            self.allows(line.task) and self.task in (None, line.task) and self.kind in (None, line.kind.value)
        )


class EventRow(Struct, frozen=True):
    """A line of the time line; `many` events are folded into it, the oldest of them at `since`."""

    at: int
    task: str
    kind: EventKind
    tone: Tone
    text: str
    by: str | None = None
    many: int = 1
    since: int = 0


class TimeLineView(Struct, frozen=True):
    """Attributes:
    at: when it was made.
    rows: the newest first.
    more: events that suit and are not shown, since there are too many.
    oldest: time of the oldest event that is kept, of any task; None while there is none.
    kinds: number of events of each kind that the caller may see.
    tasks: those that the caller may see events of.
    """

    at: int
    rows: Sequence[EventRow]
    more: int
    oldest: int | None
    kinds: dict[str, int]
    tasks: Sequence[str]


def time_line(lines: Sequence[EventLine], asked: EventFilter, at: int) -> TimeLineView:
    """The view of these events, which are in the order of their times."""
    allowed = [line for line in lines if asked.allows(line.task)]
    suiting = [line for line in allowed if asked.suits(line)]
    rows = folded_rows(suiting) if asked.folded else [_row([line]) for line in suiting]
    shown = rows[-MOST_ROWS:]
    return TimeLineView(
        at=at,
        rows=shown[::-1],
        more=sum(row.many for row in rows) - sum(row.many for row in shown),
        oldest=lines[0].at if lines else None,
        kinds=dict(Counter(line.kind.value for line in allowed).most_common()),
        tasks=sorted({line.task for line in allowed} - {EVERY_TASK})[:_MOST_NAMES],
    )


def folded_rows(lines: Sequence[EventLine]) -> list[EventRow]:
    """Rows in the order of their newest events."""
    futile = _futile_refits(lines)
    runs: list[list[EventLine]] = []
    newest: dict[str, list[EventLine]] = {}
    for line in lines:
        run = newest.get(line.task)
        if run is not None and _continues(run[-1], line, futile):
            run.append(line)
        else:
            newest[line.task] = run = [line]
            runs.append(run)
    rows = [row for run in runs for row in _rows(run, futile)]
    return sorted(rows, key=lambda row: row.at)


def _futile_refits(lines: Iterable[EventLine]) -> set[tuple[str, str | None]]:
    """Task and version of each fit that was refused, but for those that had a trial."""
    ended = {(line.task, line.version) for line in lines if line.kind is EventKind.REFUSED}
    return ended - {(line.task, line.version) for line in lines if line.kind is EventKind.TRIAL}


def _is_futile(line: EventLine, futile: set[tuple[str, str | None]]) -> bool:
    return line.kind in _REFITS and (line.task, line.version) in futile


def _continues(before: EventLine, line: EventLine, futile: set[tuple[str, str | None]]) -> bool:
    if _is_futile(before, futile) and _is_futile(line, futile):
        return True
    return (before.kind, before.text, before.by) == (line.kind, line.text, line.by)


def _rows(run: Sequence[EventLine], futile: set[tuple[str, str | None]]) -> list[EventRow]:
    if not _is_futile(run[0], futile):
        return [_row(run)] if len(run) >= _FEWEST else [_row([line]) for line in run]
    refits = len({line.version for line in run})
    if refits < _FEWEST:
        return [_row([line]) for line in run]
    said = f"{counted(refits, 'refit')} that changed nothing; the last: {run[-1].text}"
    return [_row(run, said)]


def _row(run: Sequence[EventLine], text: str | None = None) -> EventRow:
    newest = run[-1]
    tone: Tone = "plain" if text else newest.tone
    return EventRow(
        newest.at, newest.task, newest.kind, tone, text or newest.text, newest.by, len(run), run[0].at
    )
