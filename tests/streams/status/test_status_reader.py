"""The reader of statuses says what Redis has, and what nobody has said yet."""

import pytest

from schemas.config import Config
from schemas.redis_keys import Keys
from streams.errors import StateUnreadable
from streams.state.connection import Connection
from streams.status.status_reader import StatusReader


async def test_before_the_first_heartbeat_nothing_is_deferred(connection: Connection, keys: Keys) -> None:
    """And no number in the JSON is infinite, which would be null."""
    guard = await StatusReader(connection, keys, 10).guard()
    assert (guard.unseen, guard.is_fresh, guard.stops(600.0)) == (True, False, False)
    assert guard.age == 0.0


async def test_a_policy_of_a_newer_release_is_unreadable_state_of_its_task(
    connection: Connection, keys: Keys
) -> None:
    """Then the others are shown, and the reader of all tasks goes on."""
    live = ["version", "v1", "token", "1", "since", "1"]
    await connection.redis.hset(keys.active("shop"), items=live)
    await connection.redis.set(keys.manifest("shop", "v1"), b'{"format": 1000}')
    reader = StatusReader(connection, keys, 10)
    with pytest.raises(StateUnreadable, match="task=shop version=v1"):
        await reader.status_of("shop", Config(), await reader.guard())
