"""Gathers what many tasks of an event loop ask for, so that it is worked on together.

A batch starts when it is full, or when its first item has waited long enough. Batches overlap: while one
waits for the fallback, the next may start.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Item, Answer]):
    """An item, and the future that its submitter waits for."""

    item: Item
    future: asyncio.Future[Answer]

    def resolve(self, answer: Answer | BaseException) -> None:
        """Hand over the answer or the error, unless the submitter has gone."""
        if self.future.done():
            return
        if isinstance(answer, BaseException):
            self.future.set_exception(answer)
        else:
            self.future.set_result(answer)


class MicroBatcher(Generic[Item, Answer]):
    """Batches of one event loop; only tasks of that loop may use it.

    Args:
        work: resolves everything of a batch.
        size: most items of a batch, >= 1.
        wait: longest time that the first item of a batch waits for others, in seconds, >= 0.
    """

    def __init__(
        self, work: Callable[[list[Waiting[Item, Answer]]], Awaitable[None]], size: int, wait: float
    ) -> None:
        self._work = work
        self._size = size
        self._wait = wait
        self._waiting: list[Waiting[Item, Answer]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Answer:
        """The answer to the item; raises what its work raised."""
        loop = asyncio.get_running_loop()
        entry: Waiting[Item, Answer] = Waiting(item, loop.create_future())
        self._waiting.append(entry)
        if len(self._waiting) >= self._size:
            self._start()
        elif self._timer is None:
            self._timer = loop.call_later(self._wait, self._start)
        return await entry.future

    async def drain(self) -> None:
        """Wait until nothing is waiting and no batch is under way."""
        self._start()
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = [entry for entry in self._waiting if not entry.future.done()]
        self._waiting = []
        if batch:
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: list[Waiting[Item, Answer]]) -> None:
        """Nobody waits for ever: what the work leaves open gets its error, or is cancelled."""
        error = None
        try:
            (error,) = await asyncio.gather(self._work(batch), return_exceptions=True)
        finally:
            for entry in batch:
                if error is not None:
                    entry.resolve(error)
                elif not entry.future.done():
                    entry.future.cancel()
