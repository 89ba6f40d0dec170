"""Recount: deletes the counts of a task that can't be read, and knows until when they are counted again.

A task has a mark from the first step to the last, beside the revision of its state, so that both change at
once:

    begin    the mark says `deleting`; what was read before can't be written any more
    delete   the counts of a version are deleted, while the mark is that of the one who began
    ...      the same for each version
    deleted  the positions are deleted, and the mark is that of the recount: only now may it begin
    ...      the topics are folded again from their starts, by one worker or several
    end      the mark is gone

Who finds another mark than the one that it began with stops: the counts were deleted once more.
"""

import secrets

from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text

_AT_ONCE = 1_000
_DELETING = "deleting:"


def is_deleting(mark: str) -> bool:
    """Whether counts with this mark are being deleted, so that nothing may be counted yet."""
    return mark.startswith(_DELETING)


class Recounts:
    """Marks in Redis. Every method raises `StateUnavailable` while Redis is away."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._step = connection.script("recount")

    async def discard(self, task: str) -> None:
        """Delete the counts of a task, also where they can't be read.

        If the process dies meanwhile, the mark stays, and somebody has to do it again.
        """
        keys, mark = self._keys, secrets.token_hex(8)
        with self._connection.client() as redis:
            await redis.sadd(keys.uncounted, task)
            await self._take(task, "begin", mark)
            for pattern in (keys.audits(task, "*"), keys.asked(task, "*"), keys.bounds(task, "*")):
                async for name in redis.scan_iter(match=pattern, count=_AT_ONCE):
                    if not await self._take(task, "delete", mark, as_text(name)):
                        return  # another one deletes them, and may have: these are counts made since
            await self._take(task, "deleted", mark)

    async def note(self, task: str) -> None:
        """Note that a task with a mark is to be counted again, in case nobody knows."""
        with self._connection.client() as redis:
            await redis.sadd(self._keys.uncounted, task)

    async def marks(self) -> dict[str, str]:
        """The mark of each task that is to be counted again."""
        with self._connection.client() as redis:
            tasks = [as_text(name) for name in await redis.smembers(self._keys.uncounted)]
            found = {task: await redis.hget(self._keys.certify(task), "recount") for task in tasks}
        return {task: as_text(mark) for task, mark in found.items() if mark is not None}

    async def end(self, task: str, mark: str) -> bool:
        """Note that a task is counted again; False where its counts were deleted once more."""
        with self._connection.client() as redis:
            if not await self._take(task, "end", mark):
                return False
            await redis.srem(self._keys.uncounted, task)
        return True

    async def _take(self, task: str, step: str, mark: str, *counts: str) -> bool:
        names = [self._keys.certify(task), self._keys.service(task), *counts]
        return bool(await self._step(names, [step, mark]))
