"""Counts of the newest labels of each task, by minute: what the dashboard shows of traffic and deferrals.

The gateway reads every label anyway. So no topic is read when somebody looks.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import Struct

from schemas.messages import Label

MINUTES = 60
_MINUTE = 60_000
_MOST = 10_000
"""Tasks; clients may name any."""


class MinuteCounts(Struct, frozen=True, array_like=True):
    """Labels of one minute: `at` its begin in Unix milliseconds, and who gave them."""

    at: int
    surrogate: int
    teacher: int
    errors: int


class LabelCounts(Struct, frozen=True):
    """Labels of one task in the last hour, as far as this process has been running.

    Attributes:
        labels: all of them.
        answered: share that the surrogate gave, in [0, 1]; None without labels.
        reasons: labels that it did not give, by reason; the most frequent first.
        minutes: those with labels, oldest first.
    """

    labels: int = 0
    answered: float | None = None
    reasons: tuple[tuple[str, int], ...] = ()
    minutes: tuple[MinuteCounts, ...] = ()


class LabelTally:
    """Used on the event loop only.

    Args:
        now: Unix milliseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._tasks: dict[str, dict[int, Counter[tuple[str, str]]]] = {}

    def note(self, labels: Iterable[Label]) -> None:
        """Count labels by the minute in which they were given; older ones than of an hour are not.

        Nor is a label that takes the place of one that was given before.
        """
        newest = self._now() // _MINUTE
        for label in labels:
            minute = min(label.labelled_at // _MINUTE, newest)
            minutes = self._minutes_of(label.task, newest) if newest - minute < MINUTES else None
            if minutes is None or label.supersedes:
                continue
            if minute not in minutes:
                for old in [one for one in minutes if newest - one >= MINUTES]:
                    del minutes[old]
                minutes[minute] = Counter()
            minutes[minute][label.source, label.reason.value] += 1

    def counts(self, task: str) -> LabelCounts:
        """The counts of the last hour."""
        oldest = self._now() // _MINUTE - MINUTES
        minutes = {at: of for at, of in sorted(self._tasks.get(task, {}).items()) if at > oldest}
        sources, reasons = Counter[str](), Counter[str]()
        for counts in minutes.values():
            for (source, reason), count in counts.items():
                sources[source] += count
                if source != "surrogate":
                    reasons[reason] += count
        labels = sources.total()
        return LabelCounts(
            labels,
            sources["surrogate"] / labels if labels else None,
            tuple(reasons.most_common()),
            tuple(_minute_counts(at, counts) for at, counts in minutes.items()),
        )

    def _minutes_of(self, task: str, newest: int) -> dict[int, Counter[tuple[str, str]]] | None:
        """The minutes of a task; None where there is no room for one more."""
        if task not in self._tasks and len(self._tasks) >= _MOST:
            self._tasks = {
                name: minutes
                for name, minutes in self._tasks.items()
                if newest - max(minutes, default=0) < MINUTES
            }
            if len(self._tasks) >= _MOST:
                return None
        return self._tasks.setdefault(task, {})


def _minute_counts(at: int, counts: Counter[tuple[str, str]]) -> MinuteCounts:
    sources = Counter[str]()
    for (source, _), count in counts.items():
        sources[source] += count
    return MinuteCounts(at * _MINUTE, sources["surrogate"], sources["teacher"], sources["error"])
