"""Workers go by the clock of Redis, however wrong that of their host is."""

import pytest

from streams.errors import StateUnavailable
from streams.state.connection import Connection
from streams.state.redis_clock import RedisClock


async def test_a_host_an_hour_ahead_goes_by_redis(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    nanoseconds = [5_000_000_000]
    monkeypatch.setattr("streams.state.redis_clock.steady_ms", lambda: 3_600_000 + 10**15)
    clock = RedisClock(connection, lambda: nanoseconds[0])
    assert clock() == 3_600_000 + 10**15, "nobody has asked Redis yet"
    await clock.synchronize()
    seconds, _ = await connection.redis.time()
    assert abs(clock() - 1_000 * seconds) < 5_000
    before = clock()
    nanoseconds[0] += 7_000_000
    assert clock() == before + 7


async def test_without_redis_the_clock_goes_on() -> None:
    away = Connection("redis://127.0.0.1:1/0")
    clock = RedisClock(away, lambda: 5_000_000)
    before = clock()
    with pytest.raises(StateUnavailable):
        await clock.synchronize()
    assert clock() == before
    await away.aclose()
