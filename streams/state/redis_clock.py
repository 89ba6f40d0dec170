"""Clock of Redis, by which workers on several hosts agree, whatever their own clocks say."""

import time
from collections.abc import Callable

from streams.clock import steady_ms
from streams.state.connection import Connection


class RedisClock:
    """Unix milliseconds by Redis. Between two looks, and while Redis is away, it goes on by this process's
    monotonic clock; before the first look it is this host's clock.

    Args:
        monotonic: nanoseconds.
    """

    def __init__(self, connection: Connection, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._ahead = steady_ms() - monotonic() // 1_000_000

    def __call__(self) -> int:
        return self._ahead + self._monotonic() // 1_000_000

    async def synchronize(self) -> None:
        """Ask Redis. Raises StateUnavailable: it is away."""
        with self._connection.client() as redis:
            seconds, micros = await redis.time()
        self._ahead = seconds * 1_000 + micros // 1_000 - self._monotonic() // 1_000_000
