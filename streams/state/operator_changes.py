"""Operator changes in Redis: the newest ones of each task, so that a page needs no topic to show them.

The events topic has them all. Here they are kept as a convenience: a change whose entry is lost is made all
the same.
"""

import logging

import msgspec

from schemas.operator_change import OperatorChange
from schemas.redis_keys import Keys
from streams.state.connection import Connection

log = logging.getLogger(__name__)

KEPT = 200
"""Of each task."""


class OperatorChangeLog:
    """Every method raises StateUnavailable while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def add(self, task: str, change: OperatorChange) -> None:
        name = self._keys.operator_changes(task)
        with self._connection.client() as redis:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.rpush(name, msgspec.json.encode(change))
                pipeline.ltrim(name, -KEPT, -1)
                await pipeline.execute()

    async def all(self, task: str) -> list[OperatorChange]:
        """Those that are kept, newest first; an unreadable one is skipped and logged."""
        with self._connection.client() as redis:
            stored = await redis.lrange(self._keys.operator_changes(task), 0, -1)
        found = []
        for raw in reversed(stored):
            try:
                found.append(msgspec.json.decode(raw, type=OperatorChange))
            except msgspec.DecodeError as error:
                log.warning("entry of an operator's change is unreadable, skipped: task=%s: %s", task, error)
        return found
