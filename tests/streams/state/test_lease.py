"""One trainer leads a task at a time, and the token of an earlier leader is outdated."""

import asyncio

import pytest

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.lease import Leases

SECONDS = 60.0


@pytest.fixture
def mine(connection: Connection, keys: Keys) -> Leases:
    return Leases(connection, keys, "mine", SECONDS)


@pytest.fixture
def theirs(connection: Connection, keys: Keys) -> Leases:
    return Leases(connection, keys, "theirs", SECONDS)


async def expire(connection: Connection, keys: Keys, task: str) -> None:
    """What Redis does when a lease was not renewed in time."""
    assert await connection.redis.pexpire(keys.trainer(task), 0)


async def test_one_of_many_gets_the_lease(connection: Connection, keys: Keys) -> None:
    candidates = [Leases(connection, keys, f"trainer {number}", SECONDS) for number in range(8)]
    tokens = await asyncio.gather(*(candidate.acquire("t") for candidate in candidates))
    assert sorted(token is not None for token in tokens) == [False] * 7 + [True]
    assert await asyncio.gather(*(candidate.acquire("t") for candidate in candidates)) == tokens, (
        "it stays so"
    )


async def test_each_renewal_puts_the_end_off(connection: Connection, keys: Keys, mine: Leases) -> None:
    await mine.acquire("t")
    await connection.redis.pexpire(keys.trainer("t"), 20_000)
    await mine.acquire("t")
    assert 20_000 < await connection.redis.pttl(keys.trainer("t")) <= SECONDS * 1000


async def test_an_expired_lease_gets_a_higher_token(
    connection: Connection, keys: Keys, mine: Leases, theirs: Leases
) -> None:
    first = await mine.acquire("t")
    assert first is not None
    await expire(connection, keys, "t")
    second = await theirs.acquire("t")
    assert second is not None
    assert second > first
    assert await mine.acquire("t") is None, "the one that was paused learns that it no longer leads"


async def test_an_own_expired_lease_gets_a_new_token(
    connection: Connection, keys: Keys, mine: Leases
) -> None:
    first = await mine.acquire("t")
    await expire(connection, keys, "t")
    assert first is not None
    assert await mine.acquire("t") == first + 1


async def test_a_released_lease_is_free_at_once(
    connection: Connection, keys: Keys, mine: Leases, theirs: Leases
) -> None:
    await mine.acquire("a")
    await mine.acquire("b")
    await expire(connection, keys, "b")
    kept = await theirs.acquire("b")
    await mine.release()
    assert await theirs.acquire("a") is not None
    assert await theirs.acquire("b") == kept


async def test_tasks_are_led_independently(mine: Leases, theirs: Leases) -> None:
    assert await mine.acquire("a") is not None
    assert await theirs.acquire("b") is not None
    assert await mine.acquire("b") is None
    assert await theirs.acquire("a") is None
