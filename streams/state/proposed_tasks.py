"""Proposed tasks in Redis: a bounded number of kinds of calls, with how many came and when the last did."""

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from schemas.proposed_task import ProposedTask
from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text

MOST = 200
_KEPT = 7 * 86_400
"""Seconds: as long as topics keep requests."""


class CountedProposal(NamedTuple):
    """Attributes:
    calls: so far.
    last_at: Unix milliseconds.
    """

    task: ProposedTask
    calls: int
    last_at: int


class ProposedTasks:
    """Every method raises StateUnavailable while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys, most: int = MOST) -> None:
        self._connection = connection
        self._names = keys.proposed_tasks
        self._most = most
        self._add = connection.script("proposed_tasks_add")

    async def add(self, counts: Mapping[ProposedTask, int], now: int) -> None:
        """Count calls. Where there are too many kinds, those with the fewest calls are forgotten.

        Args:
            now: Unix milliseconds.
        """
        entries = [(one.hash, calls, msgspec.json.encode(one)) for one, calls in counts.items()]
        arguments: list[Any] = [now, now - _KEPT * 1000, self._most, _KEPT, *chain.from_iterable(entries)]
        with self._connection.client():
            await self._add(list(self._names), arguments)

    async def all(self) -> list[CountedProposal]:
        """Those with the most calls first."""
        descriptions, calls, seen = self._names
        with self._connection.client() as redis:
            kept = await redis.hgetall(descriptions)
            counts: dict[Any, Any] = dict(map(tuple, await redis.zrange(calls, 0, -1, withscores=True)))
            times: dict[Any, Any] = dict(map(tuple, await redis.zrange(seen, 0, -1, withscores=True)))
        found = [
            CountedProposal(
                msgspec.json.decode(as_text(value), type=ProposedTask),
                int(counts.get(name, 0)),
                int(times.get(name, 0)),
            )
            for name, value in kept.items()
        ]
        return sorted(found, key=lambda one: (-one.calls, one.task.hash))

    async def remove(self, kind: str) -> bool:
        """Whether there was one of this hash."""
        with self._connection.client() as redis:
            removed = await redis.hdel(self._names[0], kind)
            for name in self._names[1:]:
                await redis.zrem(name, kind)
        return bool(removed)
