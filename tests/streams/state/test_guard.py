"""The guard's age follows the clock of Redis, and a rebuild is seen in it."""

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.fold_offsets import FoldOffsets
from streams.state.guard import GuardStore


async def test_the_age_is_what_is_not_folded_yet(connection: Connection, keys: Keys) -> None:
    store = GuardStore(connection, keys)
    assert await store.read() is None
    await store.beat(90_000)
    behind = await store.read()
    assert behind is not None
    assert 90.0 <= behind.age < 100.0
    assert not behind.is_fresh
    await store.beat(0)
    caught_up = await store.read()
    assert caught_up is not None
    assert caught_up.age < 10.0
    assert caught_up.is_fresh


async def test_nothing_is_certified_during_a_rebuild(connection: Connection, keys: Keys) -> None:
    store, offsets = GuardStore(connection, keys), FoldOffsets(connection, keys)
    await store.beat(0)
    assert await offsets.begin_rebuild(await offsets.read())
    during = await store.read()
    assert during is not None
    assert during.rebuilding
    assert not during.is_fresh
    await offsets.finish_rebuild({})
    after = await store.read()
    assert after is not None
    assert after.is_fresh
