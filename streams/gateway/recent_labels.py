"""Recent labels: the newest labels of all tasks by id, in memory, and who waits for one.

Kept for repeated ids and for clients that stopped waiting: a request whose answer may still come is under
way, and is not asked again. The memory is bounded; the oldest goes first. A label replaces an error, and an
error never replaces a label.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from schemas.messages import Label
from streams.clock import unix_ms

Name = tuple[str, str]
"""Task and id of a request."""


@dataclass(slots=True)
class RecentRequest:
    """A request that this process has been asked, or whose label it has read.

    Attributes:
        content: fingerprint of what was asked; None where another process was asked.
        label: None while there is none.
        requested_at: names the attempt that is waited for, Unix milliseconds.
        given_up_at: until when its answer may come, Unix milliseconds.
        answer: done with the label; None where nobody waits.
        waiters: clients that wait for it.
    """

    content: int | None = None
    label: Label | None = None
    requested_at: int = 0
    given_up_at: int = 0
    answer: "asyncio.Future[Label] | None" = None
    waiters: int = 0

    @property
    def is_awaited(self) -> bool:
        return self.answer is not None and not self.answer.done()


class RecentLabels:
    """Used on the event loop only.

    Args:
        most: requests that are kept, besides those that a client waits for.
        now: Unix milliseconds.
    """

    def __init__(self, most: int, now: Callable[[], int] = unix_ms) -> None:
        self._most = most
        self._now = now
        self._requests: OrderedDict[Name, RecentRequest] = OrderedDict()

    def __len__(self) -> int:
        return len(self._requests)

    def find(self, task: str, request: str) -> RecentRequest | None:
        return self._requests.get((task, request))

    def is_under_way(self, entry: RecentRequest) -> bool:
        """Whether the request was asked, and its answer may still come."""
        return entry.is_awaited or (entry.label is None and self._now() < entry.given_up_at)

    def ask(self, task: str, request: str, requested_at: int, given_up_at: int, content: int) -> None:
        """Note that a request is asked: its label will come, or the error of this attempt.

        Args:
            content: fingerprint of what is asked.
        """
        entry = self._entry((task, request))
        entry.content, entry.label = content, None
        entry.requested_at, entry.given_up_at = requested_at, given_up_at

    @contextmanager
    def waiting(self, task: str, request: str) -> "Iterator[asyncio.Future[Label]]":
        """The answer of a request that is under way, while a client waits for it."""
        entry = self._requests[task, request]
        answer = entry.answer = entry.answer or asyncio.get_running_loop().create_future()
        entry.waiters += 1
        try:
            yield answer
        finally:
            entry.waiters -= 1
            if entry.waiters == 0 and entry.answer is answer:
                entry.answer = None
                self._trim()

    def fail(self, task: str, request: str, error: Exception) -> None:
        """Tell those who wait that the request could not be asked."""
        entry = self._requests.get((task, request))
        if entry is None or entry.label is not None:
            return
        if entry.answer is not None and entry.is_awaited:
            entry.answer.set_exception(error)
            entry.answer.exception()  # noted as read: the client may have gone
        del self._requests[task, request]

    def keep(self, label: Label, content: int | None = None) -> None:
        """Keep a label; whoever waits for it has it."""
        entry = self._entry((label.task, label.id))
        if content is not None:
            entry.content = content
        failed = label.source == "error"
        if failed and self.is_under_way(entry) and label.requested_at != entry.requested_at:
            return  # the error of an earlier attempt, while this one is under way
        if not failed or entry.label is None or entry.label.source == "error":
            entry.label = label
        if entry.answer is not None and entry.is_awaited:
            entry.answer.set_result(label)
        self._trim()

    def keep_all(self, labels: Iterable[Label]) -> None:
        for label in labels:
            self.keep(label)

    def _entry(self, name: Name) -> RecentRequest:
        entry = self._requests.get(name)
        if entry is None:
            entry = self._requests[name] = RecentRequest()
        return entry

    def _trim(self) -> None:
        looked_at = 0
        while len(self._requests) > self._most and looked_at < len(self._requests):
            name, entry = next(iter(self._requests.items()))
            if entry.waiters == 0:
                del self._requests[name]
                return
            self._requests.move_to_end(name)
            looked_at += 1
