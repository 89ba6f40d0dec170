"""Running refits in Redis: what each trainer fits now, for people who wait for it. Nothing depends on it."""

import logging
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from schemas.redis_keys import Keys
from streams.state.connection import Connection

log = logging.getLogger(__name__)

_AT_ONCE = 500


class RunningRefit(Struct, frozen=True):
    """A refit that runs now.

    Attributes:
        since: Unix milliseconds.
        traces: that it was begun with.
        doing: its phase; empty where that is not known.
    """

    since: int
    traces: int
    doing: str = ""


class RunningRefits:
    """Every method raises StateUnavailable while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def note(self, task: str, refit: RunningRefit, seconds: float) -> None:
        """Note that a refit runs; it is forgotten after so many seconds, unless it is noted again."""
        with self._connection.client() as redis:
            key, milliseconds = self._keys.running_refit(task), max(1, round(seconds * 1000))
            await redis.set(key, msgspec.json.encode(refit), px=milliseconds)

    async def end(self, task: str) -> None:
        with self._connection.client() as redis:
            await redis.delete(self._keys.running_refit(task))

    async def of(self, tasks: Iterable[str]) -> dict[str, RunningRefit]:
        """The refits of these tasks that run; an unreadable note is skipped."""
        names = list(tasks)
        found: dict[str, RunningRefit] = {}
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            with self._connection.client() as redis:
                notes = await redis.mget([self._keys.running_refit(task) for task in some])
            for task, note in zip(some, notes, strict=True):
                if note is not None:
                    try:
                        found[task] = msgspec.json.decode(note, type=RunningRefit)
                    except msgspec.DecodeError as error:
                        log.debug("note of a running refit is unreadable, skipped: task=%s: %s", task, error)
        return found
