"""Batteries are kept whole and within bounds, and one that can't be read is no empty one."""

import asyncio

import pytest

from schemas.battery import MOST_BYTES, MOST_CASES, BatteryCase
from schemas.redis_keys import Keys
from streams.errors import BatteryFull, BatteryUnreadable
from streams.state.battery import BatteryStore
from streams.state.connection import Connection

GIFT = BatteryCase("gift", "a gift", label="gift", must_answer=True)
VECTOR = BatteryCase("vector", embedding=[0.5, 0.25], must_defer=True)


@pytest.fixture
def store(connection: Connection, keys: Keys) -> BatteryStore:
    return BatteryStore(connection, keys)


async def test_cases_are_read_as_they_were_added(store: BatteryStore) -> None:
    assert await store.cases("t") == []
    assert await store.add("t", [VECTOR, GIFT]) == 2
    other = BatteryCase("gift", "another", label="gift")
    assert await store.add("t", [other]) == 2
    assert await store.cases("t") == [other, VECTOR]
    assert await store.cases("another") == []
    assert await store.remove("t", ["gift", "none"]) == 1
    assert await store.cases("t") == [VECTOR]
    assert (await store.clear("t"), await store.clear("t")) == (True, False)


async def test_two_operators_add_at_once_within_the_bounds(store: BatteryStore) -> None:
    half = MOST_CASES // 2 + 1
    given = [[BatteryCase(f"{who}{at}", "text", label="a") for at in range(half)] for who in ("ann", "ben")]
    ended = await asyncio.gather(*(store.add("t", cases) for cases in given), return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["BatteryFull", "int"]
    assert len(await store.cases("t")) == half
    with pytest.raises(BatteryFull, match="none is added"):
        await store.add("u", [BatteryCase(f"c{at}", "x" * 100_000, label="a") for at in range(41)])
    assert await store.cases("u") == []


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        (b"gift", b"{}"),
        (b"gift", b"\xff\xff"),
        (b"gift", b'{"id":"other","text":"a","label":"b"}'),
        (b"gift", b'{"id":"gift","text":"a","label":"b","must_sing":true}'),
        (b"\xff", b'{"id":"gift","text":"a","label":"b"}'),
        (b"gift", b"x" * (MOST_BYTES + 1)),
    ],
)
async def test_a_battery_that_can_t_be_read_is_no_empty_one(
    store: BatteryStore, connection: Connection, keys: Keys, name: bytes, raw: bytes
) -> None:
    await connection.redis.hset(keys.battery("t"), mapping={name: raw})
    with pytest.raises(BatteryUnreadable, match="battery of t"):
        await store.cases("t")
    assert await store.clear("t"), "an operator can get rid of it"
