"""A worker serves what the registry says is active, once it has verified it, and never less than it had."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from infra.local.child import free_port
from models.artifact import Artifact
from models.manifest import Manifest
from models.policy import Policy
from schemas.redis_keys import Keys
from streams.rollout.disk_cache import PolicyDiskCache
from streams.rollout.policy_sync import PolicySync
from streams.state.connection import Connection
from streams.state.registry import Registry
from streams.tasks import Tasks
from streams.versions.breaker import after_alarm
from streams.versions.lifecycle import VersionStage
from streams.versions.promotion import AT_ONCE, PromotionPlan


class Watched(Tasks):
    """Tells which versions are installed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.installed: asyncio.Queue[str] = asyncio.Queue()

    def set_policy(self, name: str, policy: Policy) -> None:
        super().set_policy(name, policy)
        self.installed.put_nowait(policy.manifest.version)

    async def next(self) -> str:
        return await asyncio.wait_for(self.installed.get(), 30)


class Worker:
    """One that looks at the registry often, with its copies in a folder of its own."""

    def __init__(
        self, url: str, copies: PolicyDiskCache, stack: AsyncExitStack, poll: float = 3600.0
    ) -> None:
        self.live = Watched()
        self.copies = copies
        self.connection = Connection(url)
        self.keys = Keys(f"test-{secrets.token_hex(8)}")
        self.registry = Registry(self.connection, self.keys, 5)
        self._watch = PolicySync(self.live, self.registry, copies, poll)
        self._stack = stack

    async def start(self) -> None:
        self._stack.push_async_callback(self.connection.aclose)
        await self._watch.start()
        self._stack.push_async_callback(self._watch.stop)

    async def publish(self, artifact: Artifact, plan: PromotionPlan = AT_ONCE) -> None:
        serial = await self.registry.next_serial("t")
        assert await self.registry.publish("t", f"v{serial}", serial, 0, artifact, 1000 * serial, plan)

    async def alarm(self, version: str) -> None:
        assert await self.registry.change(
            "t", lambda found: after_alarm(found, version, None, 5, "alarm", 1500)
        )

    async def until(self, happened: Callable[[], bool]) -> None:
        """Fails with a timeout when it does not happen."""
        async with asyncio.timeout(30):
            while not happened():
                await self.connection.redis.ping()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


def version(artifact: Artifact, name: str) -> Artifact:
    return Artifact(replace(Manifest.decode(artifact.manifest), version=name).encode(), artifact.graph)


def garbled(artifact: Artifact) -> Artifact:
    return Artifact(artifact.manifest, artifact.graph[:-9] + b"\xff" + artifact.graph[-8:])


async def test_a_garbled_version_is_never_installed(
    redis_url: str,
    stack: AsyncExitStack,
    artifact: Artifact,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack, poll=0.01)
    await worker.publish(artifact)
    await worker.start()
    assert await worker.live.next() == "v1"
    await worker.publish(garbled(version(artifact, "v2")))
    await worker.publish(garbled(version(artifact, "v3")))
    await worker.publish(version(artifact, "v4"))
    assert await worker.live.next() == "v4", "whatever was refused, the worker goes on watching"
    for record in caplog.records:
        assert "SHA-256" in record.getMessage() or record.levelno < logging.ERROR


async def test_one_unreadable_task_stops_no_other(
    redis_url: str,
    stack: AsyncExitStack,
    artifact: Artifact,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A newer release has put a candidate on a trial that this one does not know."""
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack, poll=0.01)
    for task in ("a", "t"):
        assert await worker.registry.publish(task, "v1", 1, 0, artifact, 1000)
    await worker.start()
    await worker.until(lambda: worker.live.with_policy() == {"a", "t"})
    trial: list[str | int | float] = [
        *("version", "v2", "mode", "rainbow", "share", 0.5),
        *("needs", 9, "token", 0, "since", 5),
    ]
    await worker.connection.redis.hset(worker.keys.candidate("a"), items=trial)
    await worker.until(lambda: worker.live.task("a").unguarded)
    assert not worker.live.task("t").unguarded
    assert await worker.registry.publish("t", "v2", 2, 0, version(artifact, "v2"), 2000)
    await worker.until(
        lambda: (found := worker.live.policy("t")) is not None and found.manifest.version == "v2"
    )
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    assert "everything is deferred: the serving state in Redis can't be read: task=a" in said[0]
    await worker.connection.redis.delete(worker.keys.candidate("a"))
    await worker.until(lambda: not worker.live.task("a").unguarded)


async def test_an_announced_version_is_taken_at_once(
    redis_url: str, stack: AsyncExitStack, artifact: Artifact, tmp_path: Path
) -> None:
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack)
    await worker.start()
    while dict(await worker.connection.redis.pubsub_numsub(worker.keys.changes)).popitem()[1] < 1:
        assert worker.live.policy("t") is None
    await worker.publish(artifact)
    assert await worker.live.next() == "v1"


class Stubborn(Registry):
    """Loses a cancellation, as redis-py does now and then."""

    async def changes(self) -> AsyncGenerator[str | None, None]:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            yield None


async def test_it_stops_also_where_a_cancellation_is_lost(redis_url: str, tmp_path: Path) -> None:
    connection = Connection(redis_url)
    watch = PolicySync(Tasks(), Stubborn(connection, Keys("x"), 5), PolicyDiskCache(tmp_path), 3600.0)
    await watch.start()
    await asyncio.wait_for(watch.stop(), 30)
    await connection.aclose()


async def test_without_redis_it_starts_from_disk(
    stack: AsyncExitStack, artifact: Artifact, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copies = PolicyDiskCache(tmp_path)
    copies.save("sound", "v7", version(artifact, "v7"))
    copies.save("garbled", "v1", garbled(artifact))
    copies.save("truncated", "v1", Artifact(artifact.manifest[:100], artifact.graph))
    worker = Worker(f"redis://127.0.0.1:{free_port()}/0", copies, stack)
    await worker.start()
    assert worker.live.policy("sound") is not None
    assert worker.live.policy("garbled") is worker.live.policy("truncated") is None
    for task in ("garbled", "truncated"):
        assert f"policy not used: task={task}" in caplog.text


async def test_a_full_disk_is_logged_and_it_goes_on(
    redis_url: str,
    stack: AsyncExitStack,
    artifact: Artifact,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack, poll=0.01)
    (tmp_path / "t").write_text("a file where the folder should be")
    await worker.publish(artifact)
    await worker.start()
    assert await worker.live.next() == "v1"
    await worker.publish(version(artifact, "v2"))
    assert await worker.live.next() == "v2"
    assert (
        "could not copy a policy to disk, a start without Redis misses it: task=t version=v1" in caplog.text
    )


async def test_a_breaker_outlives_a_restart(
    redis_url: str, stack: AsyncExitStack, artifact: Artifact, tmp_path: Path
) -> None:
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack)
    await worker.publish(artifact)
    await worker.start()
    assert await worker.live.next() == "v1"
    await worker.alarm("v1")
    await worker.until(lambda: worker.live.task("t").breaker.stops("v1"))
    await worker.until(lambda: PolicyDiskCache(tmp_path).safeguards()["t"].breaker.open)
    alone = Worker(f"redis://127.0.0.1:{free_port()}/0", PolicyDiskCache(tmp_path), stack)
    await alone.start()
    assert alone.live.policy("t") is not None
    assert alone.live.task("t").breaker.open
    await worker.publish(garbled(version(artifact, "v2")))
    await worker.until(lambda: not worker.live.task("t").breaker.open)
    assert worker.live.task("t").breaker.stops("v1"), "v2 can't be loaded, and v1 was stopped"
    await worker.publish(version(artifact, "v3"))
    assert await worker.live.next() == "v3"
    assert not worker.live.task("t").breaker.stops("v3")


async def test_an_emptied_redis_closes_no_breaker(
    redis_url: str, stack: AsyncExitStack, artifact: Artifact, tmp_path: Path
) -> None:
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack, poll=0.01)
    await worker.publish(artifact)
    await worker.start()
    await worker.live.next()
    before = await worker.registry.serving_state("t")
    await worker.alarm("v1")
    await worker.until(lambda: worker.live.task("t").breaker.open)
    for key in (worker.keys.breaker("t"), worker.keys.serving_state("t")):
        await worker.connection.redis.delete(key)
    assert (await worker.registry.serving_state("t")).active == before.active
    await worker.registry.block_label("t", "v1", "yes")
    await worker.until(lambda: bool(worker.live.safeguards("t").blocked))
    assert worker.live.task("t").breaker.open
    await worker.publish(version(artifact, "v2"))
    assert await worker.live.next() == "v2"
    await worker.until(lambda: not worker.live.task("t").breaker.open)


async def test_an_alarm_on_an_emptied_redis_stops_answers(
    redis_url: str, stack: AsyncExitStack, artifact: Artifact, tmp_path: Path
) -> None:
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack, poll=0.01)
    worker.live.configure("t", {"embedder": "precomputed"})
    await worker.publish(artifact)
    await worker.start()
    await worker.live.next()
    await worker.publish(version(artifact, "v2"), PromotionPlan(VersionStage.CANARY, 0.25, 59))
    await worker.until(lambda: worker.live.task("t").candidate is not None)
    for one in ("v1", "v2"):
        await worker.registry.block_label("t", one, "yes")
    await worker.until(lambda: len(worker.live.safeguards("t").blocked) == 2)
    emptied = [key async for key in worker.connection.redis.scan_iter(f"{worker.keys.prefix}:*")]
    await worker.connection.redis.delete(*emptied)
    await worker.alarm("v0")
    await worker.until(lambda: worker.live.task("t").breaker.stops("v0"))
    assert not worker.live.task("t").breaker.stops("v1"), "it may be another one that fell"
    await worker.alarm("v1")
    await worker.until(lambda: worker.live.task("t").breaker.stops("v1"))
    candidate = worker.live.task("t").candidate
    assert candidate is not None, "it goes on answering its share"
    assert candidate.blocked == frozenset({"yes"})
    assert worker.live.safeguards("t").blocked == dict.fromkeys(["v1", "v2"], frozenset({"yes"}))
    await worker.until(lambda: worker.copies.safeguards()["t"].breaker.against == ("v0", "v1"))


async def test_candidates_and_blocked_labels_are_followed(
    redis_url: str, stack: AsyncExitStack, artifact: Artifact, tmp_path: Path
) -> None:
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack)
    worker.live.configure("t", {"embedder": "precomputed"})
    await worker.publish(artifact)
    await worker.start()
    await worker.live.next()
    await worker.publish(version(artifact, "v2"), PromotionPlan(VersionStage.CANARY, 0.25, 59))
    await worker.until(lambda: worker.live.task("t").candidate is not None)
    candidate = worker.live.task("t").candidate
    assert candidate is not None
    assert (candidate.version, candidate.share) == ("v2", 0.25)
    await worker.registry.block_label("t", "v2", "yes")
    await worker.until(lambda: worker.live.safeguards("t").blocked == {"v2": frozenset({"yes"})})
    await worker.alarm("v2")
    await worker.until(lambda: worker.live.task("t").candidate is None)
    assert not worker.live.task("t").breaker.stops("v1")


async def test_what_the_audit_rate_depends_on_is_followed(
    redis_url: str, stack: AsyncExitStack, artifact: Artifact, tmp_path: Path
) -> None:
    worker = Worker(redis_url, PolicyDiskCache(tmp_path), stack, poll=0.01)
    worker.live.configure("t", {"embedder": "precomputed"})
    await worker.publish(artifact)
    await worker.start()
    assert await worker.live.next() == "v1"
    for certified in (True, False):
        await worker.connection.redis.hset(worker.keys.audits("t", "v1"), "certified", int(certified))
        await worker.until(lambda: worker.live.task("t").sampling.certified is certified)  # noqa: B023 - awaited
    await worker.registry.set_certifying_traces("t", 17)
    await worker.until(lambda: worker.live.task("t").sampling.certifying == 17)
    await worker.connection.redis.hset(worker.keys.audits("t", "v1"), "pending", 5)
    await worker.until(lambda: worker.live.task("t").sampling.certifying == 22)
    await worker.connection.redis.delete(worker.keys.certifying("t"))
    await worker.until(lambda: worker.live.task("t").sampling.certifying is None)
