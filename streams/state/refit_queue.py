"""Queue of requested refits: a Redis stream that one trainer of the group answers.

A request stays pending until its refit has published something. It goes to the trainer that leads its task,
whichever of the group has read it; a request whose reader died is taken over.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text

log = logging.getLogger(__name__)

GROUP = "trainers"
_AT_ONCE = 100
# Far more than there are tasks with a reason at any time.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class RefitRequest:
    """Attributes:
    entry: its id in the stream.
    since: Unix milliseconds; traces from then on are to certify.
    reason: for people.
    """

    entry: str
    task: str
    since: int
    reason: str


class RefitQueue:
    """The stream as one trainer sees it. Every method raises `StateUnavailable` while Redis is away.

    Args:
        owner: name of this process, unique among all, as in its leases.
        seconds: how long a request of a trainer that died waits for another one.
    """

    def __init__(self, connection: Connection, keys: Keys, owner: str, seconds: float) -> None:
        self._connection = connection
        self._keys = keys
        self._owner = owner
        self._idle = round(seconds * 1000)
        self._joined = False

    async def request(self, task: str, since: int, reason: str) -> None:
        """Request a refit; a second request does no harm: one refit answers all requests of its task."""
        fields: dict[Any, Any] = {"task": task, "since": since, "reason": reason}
        with self._connection.client() as redis:
            await redis.xadd(self._keys.refits, fields, maxlen=_MOST, approximate=True)

    async def pending(self, led: Collection[str]) -> list[RefitRequest]:
        """All requests for the tasks that this trainer leads; others are handed to their leaders."""
        with self._connection.client() as redis:
            pending = await self._pending(redis)
        return [request for request in pending if request.task in led]

    async def acknowledge(self, requests: Iterable[RefitRequest]) -> None:
        """Remove requests whose refit has published a version, or found none better than the live one."""
        entries = [request.entry for request in requests]
        if entries:
            with self._connection.client() as redis:
                await redis.xack(self._keys.refits, GROUP, *entries)
                await redis.xdel(self._keys.refits, *entries)

    async def _pending(self, redis: Redis) -> list[RefitRequest]:
        stream = self._keys.refits
        try:
            if not self._joined:
                await _join(redis, stream)
                self._joined = True
            await redis.xautoclaim(stream, GROUP, self._owner, self._idle, "0-0", count=_AT_ONCE)
            await redis.xreadgroup(GROUP, self._owner, {stream: ">"}, count=_AT_ONCE)
            found: Any = await redis.xreadgroup(GROUP, self._owner, {stream: "0"}, count=_AT_ONCE)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._joined = False  # a Redis that was emptied
            return []
        requests = [_request(as_text(entry), fields) for _, entries in found for entry, fields in entries]
        return [request for request in requests if not await self._handed_on(redis, request)]

    async def _handed_on(self, redis: Redis, request: RefitRequest) -> bool:
        """Give the request to another trainer, where that one leads its task."""
        leader = await redis.get(self._keys.trainer(request.task))
        if leader is None or as_text(leader) == self._owner:
            return False
        await redis.xclaim(self._keys.refits, GROUP, as_text(leader), 0, [request.entry])
        return True


async def _join(redis: Redis, stream: str) -> None:
    try:
        await redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def _request(entry: str, fields: dict[bytes, bytes]) -> RefitRequest:
    return RefitRequest(entry, as_text(fields[b"task"]), int(fields[b"since"]), as_text(fields[b"reason"]))
