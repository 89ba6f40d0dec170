"""What was published is what is fetched, and only the newest leader publishes."""

import asyncio
from contextlib import aclosing

import pytest

from models.artifact import Artifact
from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.lease import Leases
from streams.state.registry import CERTIFYING_HOLDS, Registry
from streams.versions.lifecycle import VersionStage
from streams.versions.serving_state import ActiveVersion

KEPT = 3


@pytest.fixture
def registry(connection: Connection, keys: Keys) -> Registry:
    return Registry(connection, keys, KEPT)


@pytest.fixture
async def token(connection: Connection, keys: Keys) -> int:
    token = await Leases(connection, keys, "leader", 60.0).acquire("t")
    assert token is not None
    return token


def artifact(name: str) -> Artifact:
    return Artifact(f"manifest of {name}".encode(), b"\0graph of \xff" + name.encode())


async def publish(registry: Registry, number: int, token: int) -> bool:
    version = f"v{number}"
    change = await registry.publish("t", version, number, token, artifact(version), 1000 + number)
    assert change is None or change.moves[-1].after is VersionStage.LIVE
    return change is not None


async def test_a_published_policy_is_active_and_fetched(registry: Registry, token: int) -> None:
    assert await registry.active("t") is None
    assert await registry.next_serial("t") == 1
    assert await publish(registry, 1, token)
    assert await registry.active("t") == ActiveVersion("v1", token, 1001)
    assert await registry.fetch("t", "v1") == artifact("v1")
    assert await registry.fetch("t", "v2") is None
    assert await registry.tasks() == {"t"}
    assert await registry.next_serial("t") == 2


async def test_a_stale_token_publishes_nothing(
    connection: Connection, keys: Keys, registry: Registry, token: int
) -> None:
    assert await publish(registry, 1, token)
    await connection.redis.pexpire(keys.trainer("t"), 0)
    newer = await Leases(connection, keys, "new leader", 60.0).acquire("t")
    assert newer is not None
    assert not await publish(registry, 2, token), "refused before the new leader has published anything"
    assert await publish(registry, 2, newer)
    assert not await publish(registry, 3, token)
    assert await registry.active("t") == ActiveVersion("v2", newer, 1002)
    assert await registry.fetch("t", "v3") is None
    assert await registry.next_serial("t") == 3


async def test_the_newer_leader_publishes(
    connection: Connection, keys: Keys, registry: Registry, token: int
) -> None:
    await connection.redis.incr(keys.fence("t"))
    published = await asyncio.gather(*(publish(registry, n, token + n % 2) for n in range(1, 7)))
    assert published == [True, False] * 3
    active = await registry.active("t")
    assert active is not None
    assert active.token == token + 1


async def test_the_oldest_versions_are_dropped(
    connection: Connection, keys: Keys, registry: Registry, token: int
) -> None:
    for number in range(1, 13):  # v10 sorts before v9 as text
        assert await publish(registry, number, token)
    kept = [number for number in range(1, 13) if await registry.fetch("t", f"v{number}") is not None]
    assert kept == [10, 11, 12]
    assert await connection.redis.zcard(keys.policies("t")) == KEPT
    left = [key async for key in connection.redis.scan_iter(f"{keys.prefix}:*:policy:*")]
    assert len(left) == 2 * KEPT, "neither manifest nor graph of an old version stays behind"


async def test_a_published_policy_is_announced(
    connection: Connection, keys: Keys, registry: Registry, token: int
) -> None:
    async def first() -> str:
        async with aclosing(registry.changes()) as changes:
            return await anext(task async for task in changes if task is not None)

    announced = asyncio.ensure_future(first())
    while dict(await connection.redis.pubsub_numsub(keys.changes)) != {keys.changes.encode(): 1}:
        assert not announced.done()
    assert await publish(registry, 1, token)
    assert await announced == "t"


async def test_the_number_of_certifying_traces_expires(
    connection: Connection, keys: Keys, registry: Registry
) -> None:
    assert await registry.certifying_traces("t") is None
    await registry.set_certifying_traces("t", 0)
    assert await registry.certifying_traces("t") == 0
    assert 0 < await connection.redis.ttl(keys.certifying("t")) <= CERTIFYING_HOLDS
