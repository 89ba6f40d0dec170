"""Queue of requested refits: a Redis stream that the trainers read as one consumer group.

A request stays pending until its refit has settled it. Whichever trainer has read a request hands it to the
trainer that leads its task. If a trainer dies, another one takes over its requests.
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
# Far more requests than there are at any time.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class RefitRequest:
    """A requested refit.

    Attributes:
        entry: id of the request in the stream.
        since: Unix milliseconds; only traces from then on calibrate the refit and test its thresholds.
        reason: one sentence for people.
    """

    entry: str
    task: str
    since: int
    reason: str


class RefitQueue:
    """The stream as one trainer sees it. Every method raises `StateUnavailable` while Redis can't be used.

    Args:
        owner: name of this process, the same as in its leases.
        seconds: idle time after which another trainer takes over a request.
    """

    def __init__(self, connection: Connection, keys: Keys, owner: str, seconds: float) -> None:
        self._connection = connection
        self._keys = keys
        self._owner = owner
        self._idle = round(seconds * 1000)
        self._joined = False

    async def request(self, task: str, since: int, reason: str) -> None:
        """Request a refit. Further requests do no harm: one refit answers all requests of its task."""
        fields: dict[Any, Any] = {"task": task, "since": since, "reason": reason}
        with self._connection.client() as redis:
            await redis.xadd(self._keys.refits, fields, maxlen=_MOST, approximate=True)

    async def pending(self, tasks: Collection[str]) -> list[RefitRequest]:
        """The requests for the tasks that this trainer leads. Other requests are handed to their leaders."""
        with self._connection.client() as redis:
            pending = await self._pending(redis)
        return [request for request in pending if request.task in tasks]

    async def acknowledge(self, requests: Iterable[RefitRequest]) -> None:
        """Remove requests that a refit has settled: it published a version, or none is needed."""
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
            streams: Any = await redis.xreadgroup(GROUP, self._owner, {stream: "0"}, count=_AT_ONCE)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._joined = False  # Redis was emptied
            return []
        requests = [_request(as_text(entry), fields) for _, entries in streams for entry, fields in entries]
        return [request for request in requests if not await self._hand_on(redis, request)]

    async def _hand_on(self, redis: Redis, request: RefitRequest) -> bool:
        """Hand the request to the trainer that leads its task; False if this one does, or none."""
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
