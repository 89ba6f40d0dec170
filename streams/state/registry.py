"""Registry of policies: the versions of each task, its serving state, and its history.

One script changes the serving state, and only if it is still the one that the change was decided on.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import replace

from models.artifact import Artifact
from models.study import RepeatCounts
from schemas.redis_keys import Keys
from streams.sampling import SamplingState
from streams.state.battery import BatteryStore
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
from streams.versions.transitions import FITTED_HERE, VersionOrigin, publish

CERTIFYING_HOLDS = 60
_LISTEN = 1.0
_CHANGED, _OUTDATED = 1, -1

Decide = Callable[[ServingState], ServingChange | None]


class Registry:
    """Policies in Redis. Every method raises `StateUnavailable` while Redis can't be used.

    Attributes:
        battery: cases that versions must pass before they go live.
    """

    def __init__(self, connection: Connection, keys: Keys, kept: int) -> None:
        self._connection = connection
        self._keys = keys
        self._kept = kept
        self.battery = BatteryStore(connection, keys)
        self._change = connection.script("registry_change")

    async def tasks(self) -> set[str]:
        with self._connection.client() as redis:
            return {as_text(name) for name in await redis.smembers(self._keys.tasks)}

    async def serving_state(self, task: str) -> ServingState:
        """The task's serving state: live version, candidate, breaker, pin."""
        with self._connection.client() as redis:
            return await read_serving_state(redis, self._keys, task)

    async def active(self, task: str) -> ActiveVersion | None:
        return (await self.serving_state(task)).active

    async def may_answer(self, task: str, version: str) -> bool:
        """Whether a version may answer requests now."""
        return may_answer(await self.serving_state(task), version)

    async def history(self, task: str) -> list[Transition]:
        """The newest transitions of the task's versions, oldest first."""
        with self._connection.client() as redis:
            return await read_history(redis, self._keys, task)

    async def kept_versions(self, task: str) -> list[str]:
        """The versions whose files are kept, oldest first."""
        with self._connection.client() as redis:
            return [as_text(name) for name in await redis.zrange(self._keys.policies(task), 0, -1)]

    async def blocked_labels(self, task: str, version: str) -> frozenset[str]:
        """Labels that the version may not answer with."""
        with self._connection.client() as redis:
            return frozenset(map(as_text, await redis.smembers(self._keys.blocked(task, version))))

    async def sampling_state(self, task: str, version: str | None) -> SamplingState:
        """What the task's audit rate depends on; `version` is the live one.

        Audits that wait for their reply count as traces, so that a slow teacher is not asked for more of them
        than are needed.
        """
        with self._connection.client() as redis:
            certifying = await self.certifying_traces(task)
            if version is None:
                return SamplingState(certifying=certifying)
            certified, pending, drifting = await redis.hmget(
                self._keys.audits(task, version), "certified", "pending", "drifting"
            )
        expected = None if certifying is None else certifying + int(pending or 0)
        return SamplingState(certified == b"1", expected, drifting == b"1")

    async def certifying_traces(self, task: str) -> int | None:
        """How many sampled traces the next refit may certify on; None where no trainer says so now."""
        with self._connection.client() as redis:
            traces = await redis.get(self._keys.certifying(task))
        return None if traces is None else int(traces)

    async def set_certifying_traces(self, task: str, traces: int) -> None:
        """Note that number; it holds for `CERTIFYING_HOLDS` seconds."""
        with self._connection.client() as redis:
            await redis.set(self._keys.certifying(task), traces, ex=CERTIFYING_HOLDS)

    async def teacher_since(self, task: str) -> int:
        """Time of the current teacher's first reply, Unix milliseconds; 0 if it has never changed."""
        with self._connection.client() as redis:
            return int(await redis.hget(self._keys.teacher(task), "since") or 0)

    async def repeat_counts(self, task: str) -> RepeatCounts:
        """How many requests the current teacher labelled a second time, and how many of them the same."""
        with self._connection.client() as redis:
            asked, same = await redis.hmget(self._keys.teacher(task), "asked_again", "said_the_same")
        return RepeatCounts(int(asked or 0), int(same or 0))

    async def fetch(self, task: str, version: str) -> Artifact | None:
        """The policy as it was published, or None. `Policy.open` verifies it."""
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
        """The serial number of the next version, from 1. Only the holder of the task's lease may use it."""
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
        origin: VersionOrigin = FITTED_HERE,
    ) -> ServingChange | None:
        """Store a policy that goes live or on trial. Returns the change, or None if `token` is outdated.

        Args:
            certify_from: Unix milliseconds; no older trace calibrated it or tested its thresholds. None: no
                trace was too old.
            origin: who brings it, and why it may go live.

        Raises:
            TransitionRefused: an alarm since then contradicts the traces that calibrate the policy.
        """
        keys = self._keys
        files = [
            Command("SET", keys.manifest(task, version), (artifact.manifest,)),
            Command("SET", keys.graph(task, version), (artifact.graph,)),
            Command("ZADD", keys.policies(task), (serial, version)),
        ]
        with self._connection.client() as redis:
            # First: workers look again for a policy that is missing, but only if its task is in the set.
            await redis.sadd(keys.tasks, task)

        def decide(state: ServingState) -> ServingChange:
            since = state.certify_from if certify_from is None else certify_from
            return publish(state, version, token, plan, since, origin, now)

        change = await self.change(task, decide, token, files)
        if change is not None:
            await self._drop_old(task, change.serving_state)
        return change

    async def change(
        self, task: str, decide: Decide, token: int | None = None, further: Iterable[Command] = ()
    ) -> ServingChange | None:
        """Change the serving state. Returns the change, or None if nothing is changed.

        Args:
            decide: the change for a serving state; called again if the state has changed in the meantime.
            token: fencing token; if it is outdated, nothing is changed.
            further: commands that are executed together with the change.
        """
        while True:
            before = await self.serving_state(task)
            change = decide(before)
            if change is None:
                return None
            commands = [*further, *commands_for(self._keys, task, before, change)]
            outcome = await self._execute(task, before.count, token, commands)
            if outcome == _CHANGED:
                return change
            if outcome == _OUTDATED:
                return None

    async def end_certify_from_ahead(self, task: str) -> None:
        """Have a `certify_from` that is ahead of the clock of Redis be now, for good.

        A worker's clock was ahead. Were it taken for now at each look alone, all traces would be older.
        """
        with self._connection.client() as redis:
            seconds, micros = await redis.time()
        now = seconds * 1000 + micros // 1000

        def decide(state: ServingState) -> ServingChange | None:
            return ServingChange(replace(state, certify_from=now)) if state.certify_from > now else None

        await self.change(task, decide)

    async def refuse(self, task: str, move: Transition, token: int) -> None:
        """Add a version that was refused to the task's history."""
        await self.change(task, lambda state: ServingChange(state, (move,)), token)

    async def block_label(self, task: str, version: str, label: str) -> None:
        """Block the label, so that the version no longer answers with it."""
        command = Command("SADD", self._keys.blocked(task, version), (label,))
        await self.change(task, ServingChange, None, [command])

    async def _execute(self, task: str, count: int, token: int | None, commands: list[Command]) -> int:
        with self._connection.client() as redis:
            outcome = int(await self._change(*script_words(self._keys, task, count, token, commands)))
            if outcome == _CHANGED:
                await redis.publish(self._keys.changes, task)
        return outcome

    async def changes(self) -> AsyncGenerator[str | None, None]:
        """Names of tasks whose serving state changes, as announced; None after each second without one.

        An announcement may be missed, so poll as well. redis-py may lose a cancellation, so the caller has to
        check whether to continue.
        """
        with self._connection.client() as redis:
            async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(self._keys.changes)
                while True:
                    message = await subscription.get_message(timeout=_LISTEN)
                    yield None if message is None else as_text(message["data"])

    async def _drop_old(self, task: str, serving_state: ServingState) -> None:
        """Delete the files of the oldest versions, except those of the live version and the candidate."""
        versions = serving_state.active, serving_state.candidate
        needed = {entry.version for entry in versions if entry is not None}
        keys = self._keys
        with self._connection.client() as redis:
            for name in await redis.zrange(keys.policies(task), 0, -self._kept - 1):
                version = as_text(name)
                if version not in needed:
                    files = keys.manifest(task, version), keys.graph(task, version)
                    await redis.delete(*files, keys.trial(task, version), keys.blocked(task, version))
                    await redis.zrem(keys.policies(task), version)
