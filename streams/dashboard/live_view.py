"""Live view: one reader for all who watch the same, and only while somebody watches.

A read may cost many calls of Redis. So it takes at most a tenth of the time, whatever it takes, and however
many watch.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

from streams.errors import StateUnavailable

View = TypeVar("View")

_BUSY = 9.0
"""Seconds without a read for each second of one."""


class LiveView(Generic[View]):
    """What is watched is read again and again by `read`, on the event loop.

    Args:
        look: seconds between two reads, at least.
    """

    def __init__(self, read: Callable[[], Awaitable[View]], look: float) -> None:
        self._read = read
        self._look = look
        self._watchers = 0
        self._serial = 0
        self._is_new = False  # what was read when somebody watched before is old
        self._newest: View | str = ""
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._is_over = False

    @property
    def is_watched(self) -> bool:
        return self._watchers > 0

    def end(self) -> None:
        """End for all who watch."""
        self._is_over = True
        self._changed.set()

    async def watch(self) -> AsyncGenerator[View | str, None]:
        """The view each time that it was read, or why it can't be; one that is not taken in time is left out.

        The caller closes the generator. A read that fails for another reason fails for all who watch; who
        watches next has it read again.
        """
        self._watchers += 1
        seen = self._serial
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_on())
            self._reading.add_done_callback(lambda _: self._wake())
            self._is_new = False
        elif self._is_new:
            seen -= 1
        reading = self._reading
        try:
            while not self._is_over:
                if self._serial == seen:
                    if reading.done():
                        reading.result()
                    await self._changed.wait()
                    continue
                seen = self._serial
                yield self._newest
        finally:
            self._watchers -= 1
            if not self._watchers and self._reading is not None:
                self._reading.cancel()
                self._reading = None

    async def _read_on(self) -> None:
        while not self._is_over:
            began = time.monotonic()
            try:
                self._newest = await self._read()
            except StateUnavailable as error:
                self._newest = str(error)
            took = time.monotonic() - began
            self._serial += 1
            self._is_new = True
            self._wake()
            await asyncio.sleep(max(self._look, _BUSY * took))

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
