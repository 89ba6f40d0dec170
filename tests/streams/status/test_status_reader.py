"""The reader of statuses says what Redis has, and what nobody has said yet."""

import secrets

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.status.status_reader import StatusReader


async def test_before_the_first_heartbeat_nothing_is_deferred(redis_url: str) -> None:
    """And no number in the JSON is infinite, which would be null."""
    connection = Connection(redis_url)
    reader = StatusReader(connection, Keys(f"test-{secrets.token_hex(8)}"), 10)
    guard = await reader.guard()
    assert (guard.unseen, guard.is_fresh, guard.stops(600.0)) == (True, False, False)
    assert guard.age == 0.0
    await connection.aclose()
