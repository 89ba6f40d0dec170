"""Counts of the newest labels of each task, by minute: what the dashboard shows of traffic and deferrals.

The gateway reads every label anyway. So no topic is read when somebody looks.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from schemas.messages import Label

MINUTES = 60
SPAN = 5
"""Minutes of one step of a sparkline."""
_MINUTE = 60_000
_MOST = 2_000
"""Tasks; clients may name any. Each takes up to 25 kB, if it has labels in every minute."""


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


class SharesOfHour(Struct, frozen=True):
    """Shares of labels that the surrogate gave.

    Attributes:
        hour: of the last hour; None without labels.
        steps: of every five minutes of it, oldest first.
    """

    hour: float | None = None
    steps: Sequence[float | None] = ()


class _Minute:
    """Labels of one minute."""

    __slots__ = ("errors", "reasons", "surrogate", "teacher")

    def __init__(self) -> None:
        self.surrogate = self.teacher = self.errors = 0
        self.reasons: dict[str, int] = {}

    @property
    def labels(self) -> int:
        return self.surrogate + self.teacher + self.errors

    def note(self, label: Label) -> None:
        if label.source == "surrogate":
            self.surrogate += 1
            return
        if label.source == "teacher":
            self.teacher += 1
        else:
            self.errors += 1
        reason = label.reason.value
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


class LabelTally:
    """Used on the event loop only.

    Args:
        now: Unix milliseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._tasks: dict[str, dict[int, _Minute]] = {}
        self._swept = 0

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
                minutes[minute] = _Minute()
            minutes[minute].note(label)

    def knows(self, task: str) -> bool:
        """Whether the task had labels lately."""
        return bool(self._lately(task))

    def counts(self, task: str) -> LabelCounts:
        """The counts of the last hour."""
        minutes = sorted(self._lately(task))
        labels = sum(minute.labels for _, minute in minutes)
        reasons = Counter[str]()
        for _, minute in minutes:
            reasons.update(minute.reasons)
        return LabelCounts(
            labels,
            sum(minute.surrogate for _, minute in minutes) / labels if labels else None,
            tuple(reasons.most_common()),
            tuple(
                MinuteCounts(at * _MINUTE, minute.surrogate, minute.teacher, minute.errors)
                for at, minute in minutes
            ),
        )

    def shares(self, task: str) -> SharesOfHour:
        """The share that the surrogate gave in the last hour, and how it went."""
        newest, steps = self._now() // _MINUTE, MINUTES // SPAN
        answered, labels = [0] * steps, [0] * steps
        for at, minute in self._lately(task):
            step = steps - 1 - max(0, newest - at) // SPAN
            answered[step] += minute.surrogate
            labels[step] += minute.labels
        total = sum(labels)
        if not total:
            return SharesOfHour()
        shares = [own / of if of else None for own, of in zip(answered, labels, strict=True)]
        return SharesOfHour(sum(answered) / total, shares)

    def _lately(self, task: str) -> list[tuple[int, _Minute]]:
        newest = self._now() // _MINUTE
        return [(at, minute) for at, minute in self._tasks.get(task, {}).items() if newest - at < MINUTES]

    def _minutes_of(self, task: str, newest: int) -> dict[int, _Minute] | None:
        """The minutes of a task; None where there is no room for one more."""
        found = self._tasks.get(task)
        if found is not None:
            return found
        if len(self._tasks) >= _MOST:
            self._sweep(newest)
            if len(self._tasks) >= _MOST:
                return None
        return self._tasks.setdefault(task, {})

    def _sweep(self, newest: int) -> None:
        """Make room of tasks without labels lately; once a minute, since it looks at all of them."""
        if self._swept == newest:
            return
        self._swept = newest
        self._tasks = {
            name: minutes
            for name, minutes in self._tasks.items()
            if newest - max(minutes, default=0) < MINUTES
        }
