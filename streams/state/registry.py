"""The registry of policies: every task's versions, and which one is active."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from redis.asyncio import Redis

from models.artifact import Artifact
from schemas.names import Keys
from streams.state.connection import Connection, as_text

_LISTEN = 1.0


@dataclass(frozen=True, slots=True)
class Active:
    """Attributes:
    version: of the policy that routes.
    token: fencing token of the trainer that published it.
    since: Unix milliseconds.
    """

    version: str
    token: int
    since: int


class Registry:
    """Policies in Redis. Every method raises `StateUnavailable` while Redis is away."""

    def __init__(self, connection: Connection, keys: Keys, kept: int) -> None:
        self._connection = connection
        self._keys = keys
        self._kept = kept
        self._publish = connection.script("publish")

    async def tasks(self) -> set[str]:
        with self._connection.reached() as redis:
            return {as_text(name) for name in await redis.smembers(self._keys.tasks)}

    async def active(self, task: str) -> Active | None:
        with self._connection.reached() as redis:
            found = await redis.hgetall(self._keys.active(task))
        if not found:
            return None
        return Active(as_text(found[b"version"]), int(found[b"token"]), int(found[b"since"]))

    async def fetch(self, task: str, version: str) -> Artifact | None:
        """The policy as it was published; not verified here: `Policy.open` does that."""
        with self._connection.reached() as redis:
            stored = await redis.mget(self._keys.manifest(task, version), self._keys.graph(task, version))
        manifest, graph = stored
        return Artifact(manifest, graph) if isinstance(manifest, bytes) and isinstance(graph, bytes) else None

    async def manifest(self, task: str, version: str) -> bytes | None:
        """The policy's manifest alone, without its graph."""
        with self._connection.reached() as redis:
            stored = await redis.get(self._keys.manifest(task, version))
        return stored if isinstance(stored, bytes) else None

    async def next_serial(self, task: str) -> int:
        """One more than the newest version's, counted from 1. Only the lease's holder may rely on it."""
        with self._connection.reached() as redis:
            newest = await redis.zrange(self._keys.policies(task), -1, -1, withscores=True)
        return int(newest[0][1]) + 1 if newest else 1

    async def publish(
        self, task: str, version: str, serial: int, token: int, artifact: Artifact, now: int
    ) -> bool:
        """Make a policy the active one; False when `token` is no longer the newest."""
        keys = self._keys
        with self._connection.reached() as redis:
            # First: a worker finds no policy for a task in the set, and looks again; never the reverse.
            await redis.sadd(keys.tasks, task)
            published = await self._publish(
                [
                    keys.fence(task),
                    keys.policies(task),
                    keys.active(task),
                    keys.manifest(task, version),
                    keys.graph(task, version),
                ],
                [token, version, serial, now, artifact.manifest, artifact.graph],
            )
            if published:
                await redis.publish(keys.changes, task)
                await self._drop_old(redis, task)
        return bool(published)

    async def changes(self) -> AsyncGenerator[str | None, None]:
        """Tasks whose policy changes, as they are announced; None for each second without.

        Announcements may be missed: poll as well. A cancellation may get lost in redis-py, so whoever listens
        has to look for themselves whether to go on.
        """
        with self._connection.reached() as redis:
            async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(self._keys.changes)
                while True:
                    message = await subscription.get_message(timeout=_LISTEN)
                    yield None if message is None else as_text(message["data"])

    async def _drop_old(self, redis: Redis, task: str) -> None:
        old = [as_text(name) for name in await redis.zrange(self._keys.policies(task), 0, -self._kept - 1)]
        for version in old:
            await redis.delete(self._keys.manifest(task, version), self._keys.graph(task, version))
            await redis.zrem(self._keys.policies(task), version)
