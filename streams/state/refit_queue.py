"""Queue of requested refits: one entry a task in a Redis hash, those of alarms first.

A further request of a task is merged into its entry, since one refit answers both: the later `since` holds,
and an alarm's request stays one. Whichever trainer leads the task reads it, and it stays until a refit has
settled it. A request that is made again meanwhile has another revision, and stays.

Earlier releases kept requests in a stream; what stands there is moved here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text

_EARLIER_GROUP = "trainers"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RefitRequest:
    """A requested refit.

    Attributes:
        revision: microseconds since 1970 by the clock of Redis; another one once it was requested again.
        since: Unix milliseconds; only traces from then on calibrate the refit and test its thresholds.
        reason: one sentence for people.
        urgent: an alarm asks for it.
    """

    task: str
    revision: str
    since: int
    reason: str
    urgent: bool = False

    @property
    def requested_at(self) -> int:
        """Unix milliseconds; by the clock of Redis."""
        return int(self.revision) // 1_000


class RefitQueue:
    """Every method raises `StateUnavailable` while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._request = connection.script("refit_queue_request")
        self._settle = connection.script("refit_queue_settle")

    async def request(self, task: str, since: int, reason: str, *, urgent: bool = False) -> None:
        """Request a refit. Requests of one task are merged: one refit answers all of them."""
        with self._connection.client():
            await self._request([self._keys.refit_requests], [task, since, reason, int(urgent)])

    async def pending(self, tasks: Collection[str]) -> list[RefitRequest]:
        """The requests of these tasks: those of alarms first, then the one that has waited longest."""
        await self._move_earlier_requests()
        names = sorted(tasks)
        if not names:
            return []
        with self._connection.client() as redis:
            found: list[Any] = await redis.hmget(self._keys.refit_requests, names)
        requests = [
            _request_of(task, as_text(entry)) for task, entry in zip(names, found, strict=True) if entry
        ]
        return sorted(requests, key=lambda request: (not request.urgent, request.revision))

    async def all(self) -> list[RefitRequest]:
        """The requests of all tasks, but for those of earlier releases that no trainer has moved yet."""
        with self._connection.client() as redis:
            found = await redis.hgetall(self._keys.refit_requests)
        return [_request_of(as_text(task), as_text(entry)) for task, entry in found.items()]

    async def settle(self, request: RefitRequest) -> None:
        """Remove a request that a refit has settled: it published a version, or none is needed."""
        with self._connection.client():
            await self._settle([self._keys.refit_requests], [request.task, request.revision])

    async def remove(self, task: str) -> None:
        """Remove the task's request."""
        await self._move_earlier_requests()
        with self._connection.client() as redis:
            await redis.hdel(self._keys.refit_requests, task)

    async def _move_earlier_requests(self) -> None:
        with self._connection.client() as redis:
            while entries := await redis.xrange(self._keys.earlier_refits, count=_AT_ONCE):
                for entry, fields in entries:
                    await self._move(redis, as_text(entry), fields or {})

    async def _move(self, redis: Redis, entry: str, fields: Mapping[Any, Any]) -> None:
        texts = {as_text(name): as_text(value) for name, value in fields.items()}
        if {"task", "since", "reason"} <= texts.keys():
            await self.request(texts["task"], int(texts["since"]), texts["reason"])
        stream = self._keys.earlier_refits
        # First: an earlier trainer can't read a pending entry without fields.
        await redis.xack(stream, _EARLIER_GROUP, entry)
        await redis.xdel(stream, entry)


def _request_of(task: str, entry: str) -> RefitRequest:
    revision, since, urgent, reason = entry.split(" ", 3)
    return RefitRequest(task, revision, int(since), reason, urgent == "1")
