"""Rated traffic: whether a task has requests now that are in the sample at its audit rate only.

Calls that are only recorded may all be in the sample as long as all of the task's traffic is. Beside requests
that the audit draws, which come over Kafka, `/v1/classify` or from apps that are served, they would outweigh
them, so they are drawn alike. Each request of that kind ends in a label on the topic of labels, whichever
process decides it, and each gateway reads all of that.
"""

from collections.abc import Callable, Iterable

from schemas.messages import Label
from streams.clock import unix_ms

_LATELY = 600_000
"""Milliseconds. At its first request the sample has a second or so of calls too many, once in such a time."""
_MOST = 10_000
"""Tasks; clients may name any."""


class RatedTraffic:
    """Used on the event loop only. What was before the start is not known, so it counts as such traffic.

    Args:
        now: Unix milliseconds.
    """

    def __init__(self, now: Callable[[], int] = unix_ms) -> None:
        self._now = now
        self._started_at = now()
        self._latest: dict[str, int] = {}

    def note(self, task: str) -> None:
        """A request is decided at the task's audit rate."""
        self._note(task, self._now())

    def note_labels(self, labels: Iterable[Label]) -> None:
        """Labels have come, whoever gave them."""
        now = self._now()
        for label in labels:
            self._note(label.task, min(label.labelled_at, now))

    def is_current(self, task: str) -> bool:
        """Whether there were such requests within the last ten minutes."""
        return self._is_lately(max(self._started_at, self._latest.get(task, 0)))

    def _note(self, task: str, at: int) -> None:
        if not self._is_lately(at):
            return
        self._latest[task] = max(at, self._latest.get(task, 0))
        if len(self._latest) > _MOST:
            self._latest = {name: then for name, then in self._latest.items() if self._is_lately(then)}

    def _is_lately(self, at: int) -> bool:
        return self._now() - at < _LATELY
