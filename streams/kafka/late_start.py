"""Late start: a worker starts although Kafka is away, and knows when its topics have been read after all.

Its readers hold up the start until they have caught up; but once one of them finds Kafka away, none does any
more, and each tries until Kafka is there.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from streams.errors import KafkaFailed
from streams.outage import Outage

log = logging.getLogger(__name__)

_LONGEST = 30.0


Callback = Callable[[], None]


def _do_nothing() -> None:
    return None


class LateStart:
    """Used on the event loop only."""

    def __init__(self) -> None:
        self._is_away = asyncio.Event()
        self._outage = Outage(
            log, "the worker starts without Kafka and tries again", "Kafka is there, topics are read"
        )
        self._unread: dict[str, tuple[Callback, Callback]] = {}

    @property
    def is_over(self) -> bool:
        """Whether all readers have caught up once."""
        return not self._unread

    def expect(self, topic: str, on_read: Callback = _do_nothing, on_away: Callback = _do_nothing) -> None:
        """A reader of this topic will start.

        Args:
            on_read: called once it has caught up.
            on_away: called if the worker starts before that.
        """
        self._unread[topic] = on_read, on_away

    def note_read(self, topic: str) -> None:
        """The reader has caught up."""
        if topic not in self._unread:
            return
        on_read, _ = self._unread.pop(topic)
        on_read()
        if self.is_over:
            self._outage.note_success()

    def note_failure(self, error: KafkaFailed) -> None:
        """A reader could not begin."""
        self._outage.note_failure(error)
        if not self._is_away.is_set():
            self._give_up()

    async def wait(self, caught_up: asyncio.Event) -> None:
        """Wait until a reader has caught up, or there is no sense in waiting."""
        waits = [asyncio.create_task(one.wait()) for one in (caught_up, self._is_away)]
        try:
            done, _ = await asyncio.wait(waits, timeout=_LONGEST, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*waits, return_exceptions=True)
        if not done and not self._is_away.is_set():
            self._outage.note_failure("topics could not be read in time")
            self._give_up()

    def _give_up(self) -> None:
        self._is_away.set()
        for _, on_away in self._unread.values():
            on_away()
