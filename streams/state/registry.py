"""Registry of policies: every task's versions, which one is live, and the history of each.

What routes a task is changed by one script, and only if it is still what the change was decided on.
"""

from collections.abc import AsyncGenerator, Callable, Iterable

from models.artifact import Artifact
from models.study import RepeatCounts
from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text
from streams.state.serving_state import (
    Command,
    commands_for,
    read_history,
    read_serving_state,
    script_words,
)
from streams.versions.breaker import may_answer
from streams.versions.lifecycle import Transition
from streams.versions.promotion import AT_ONCE, PromotionPlan
from streams.versions.serving_state import ActiveVersion, ServingChange, ServingState
from streams.versions.transitions import publish

_LISTEN = 1.0
_MADE, _OUTDATED = 1, -1

Decide = Callable[[ServingState], ServingChange | None]


class Registry:
    """Policies in Redis. Every method raises `StateUnavailable` while Redis is away."""

    def __init__(self, connection: Connection, keys: Keys, kept: int) -> None:
        self._connection = connection
        self._keys = keys
        self._kept = kept
        self._change = connection.script("registry_change")

    async def tasks(self) -> set[str]:
        with self._connection.client() as redis:
            return {as_text(name) for name in await redis.smembers(self._keys.tasks)}

    async def serving_state(self, task: str) -> ServingState:
        """What routes the task now."""
        with self._connection.client() as redis:
            return await read_serving_state(redis, self._keys, task)

    async def active(self, task: str) -> ActiveVersion | None:
        return (await self.serving_state(task)).active

    async def may_answer(self, task: str, version: str) -> bool:
        """Whether a version answers requests, or does for all that is known."""
        return may_answer(await self.serving_state(task), version)

    async def history(self, task: str) -> list[Transition]:
        """The newest moves of the task's versions, in order."""
        with self._connection.client() as redis:
            return await read_history(redis, self._keys, task)

    async def kept_versions(self, task: str) -> list[str]:
        """The versions whose files are there, oldest first."""
        with self._connection.client() as redis:
            return [as_text(name) for name in await redis.zrange(self._keys.policies(task), 0, -1)]

    async def blocked_labels(self, task: str, version: str) -> frozenset[str]:
        """Labels that the version may not answer, for what its audits proved."""
        with self._connection.client() as redis:
            return frozenset(map(as_text, await redis.smembers(self._keys.blocked(task, version))))

    async def is_certified(self, task: str, version: str) -> bool:
        """Whether audits prove of the version what is promised."""
        with self._connection.client() as redis:
            return bool(await redis.hget(self._keys.audits(task, version), "certified") == b"1")

    async def teacher_since(self, task: str) -> int:
        """Unix milliseconds since when the teacher is who it is now; 0 where it has never changed."""
        with self._connection.client() as redis:
            return int(await redis.hget(self._keys.teacher(task), "since") or 0)

    async def repeat_counts(self, task: str) -> RepeatCounts:
        """How often the teacher that answers now said the same when it was asked the same again."""
        with self._connection.client() as redis:
            asked, same = await redis.hmget(self._keys.teacher(task), "asked_again", "said_the_same")
        return RepeatCounts(int(asked or 0), int(same or 0))

    async def fetch(self, task: str, version: str) -> Artifact | None:
        """The policy as it was published; not verified here: `Policy.open` does that."""
        with self._connection.client() as redis:
            stored = await redis.mget(self._keys.manifest(task, version), self._keys.graph(task, version))
        manifest, graph = stored
        return Artifact(manifest, graph) if isinstance(manifest, bytes) and isinstance(graph, bytes) else None

    async def manifest(self, task: str, version: str) -> bytes | None:
        """The policy's manifest alone, without its graph."""
        with self._connection.client() as redis:
            stored = await redis.get(self._keys.manifest(task, version))
        return stored if isinstance(stored, bytes) else None

    async def next_serial(self, task: str) -> int:
        """One more than the newest version's, counted from 1. Only the lease's holder may rely on it."""
        with self._connection.client() as redis:
            newest = await redis.zrange(self._keys.policies(task), -1, -1, withscores=True)
        return int(newest[0][1]) + 1 if newest else 1

    async def publish(
        self,
        task: str,
        version: str,
        serial: int,
        token: int,
        artifact: Artifact,
        now: int,
        plan: PromotionPlan = AT_ONCE,
        certify_from: int | None = None,
    ) -> ServingChange | None:
        """Store a policy that goes live or on trial, and say what has changed; None: `token` is outdated.

        Args:
            certify_from: Unix milliseconds; it was certified on no older traces. None: on new enough ones.

        Raises:
            TransitionRefused: an alarm contradicts the traces that calibrate it.
        """
        keys = self._keys
        files = [
            Command("SET", keys.manifest(task, version), (artifact.manifest,)),
            Command("SET", keys.graph(task, version), (artifact.graph,)),
            Command("ZADD", keys.policies(task), (serial, version)),
        ]
        with self._connection.client() as redis:
            # First: a worker finds no policy for a task in the set, and looks again; never the reverse.
            await redis.sadd(keys.tasks, task)

        def decide(found: ServingState) -> ServingChange:
            since = found.certify_from if certify_from is None else certify_from
            return publish(found, version, token, plan, since, "it passed the offline gate", now)

        change = await self.change(task, decide, token, files)
        if change is not None:
            await self._drop_old(task, change.serving_state)
        return change

    async def change(
        self, task: str, decide: Decide, token: int | None = None, further: Iterable[Command] = ()
    ) -> ServingChange | None:
        """Make the change that is decided on the serving state as it is; None where nothing is to be changed.

        Args:
            decide: called again when the serving_state has changed meanwhile.
            token: fencing token; where it is outdated, nothing is changed.
            further: made together with the change.
        """
        while True:
            before = await self.serving_state(task)
            change = decide(before)
            if change is None:
                return None
            commands = [*further, *commands_for(self._keys, task, before, change)]
            made = await self._made(task, before.count, token, commands)
            if made == _MADE:
                return change
            if made == _OUTDATED:
                return None

    async def refuse(self, task: str, move: Transition, token: int) -> None:
        """Remember a version that did not pass the offline gate."""
        await self.change(task, lambda state: ServingChange(state, (move,)), token)

    async def block_label(self, task: str, version: str, label: str) -> None:
        """Block the label, so that the version no longer answers with it."""
        command = Command("SADD", self._keys.blocked(task, version), (label,))
        await self.change(task, ServingChange, None, [command])

    async def _made(self, task: str, count: int, token: int | None, commands: list[Command]) -> int:
        with self._connection.client() as redis:
            made = int(await self._change(*script_words(self._keys, task, count, token, commands)))
            if made == _MADE:
                await redis.publish(self._keys.changes, task)
        return made

    async def changes(self) -> AsyncGenerator[str | None, None]:
        """Tasks whose policy changes, as they are announced; None for each second without.

        Announcements may be missed: poll as well. A cancellation may get lost in redis-py, so whoever listens
        has to look for themselves whether to go on.
        """
        with self._connection.client() as redis:
            async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(self._keys.changes)
                while True:
                    message = await subscription.get_message(timeout=_LISTEN)
                    yield None if message is None else as_text(message["data"])

    async def _drop_old(self, task: str, serving_state: ServingState) -> None:
        """Drop the files of the oldest versions; never of one that answers or is on trial."""
        needed = {one.version for one in (serving_state.active, serving_state.candidate) if one is not None}
        keys = self._keys
        with self._connection.client() as redis:
            for name in await redis.zrange(keys.policies(task), 0, -self._kept - 1):
                version = as_text(name)
                if version not in needed:
                    files = keys.manifest(task, version), keys.graph(task, version)
                    await redis.delete(*files, keys.trial(task, version), keys.blocked(task, version))
                    await redis.zrem(keys.policies(task), version)
