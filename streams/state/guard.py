"""Guard in Redis: until when certify has folded everything, by the clock of Redis."""

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.fold_offsets import REBUILDING
from streams.versions.guard_state import Guard


class GuardStore:
    """Every method raises StateUnavailable while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._beat = connection.script("guard_beat")

    async def beat(self, age: int) -> None:
        """Say that everything is folded but what is younger than `age`, milliseconds."""
        with self._connection.client():
            await self._beat([self._keys.guard], [age])

    async def read(self) -> Guard | None:
        """The guard as of now; None where nobody has written one."""
        with self._connection.client() as redis:
            until = await redis.hget(self._keys.guard, "until")
            rebuilding = await redis.hexists(self._keys.folded, REBUILDING)
            seconds, micros = await redis.time()
        if until is None:
            return None
        age = seconds + micros / 1_000_000 - int(until) / 1_000
        return Guard(max(0.0, age), bool(rebuilding))
