"""How far certify has folded each partition, and whether Redis still knows.

Certify writes to Redis before it commits to Kafka, so Redis never knows less than what was committed, or
than what this process has written itself. Where it does, it was emptied, or set back to an older state:
what lies between is to be read again (`streams.certify.rebuild`).
"""

from collections.abc import Mapping

from schemas.names import Keys
from streams.errors import StateUnavailable
from streams.state.connection import Connection, as_text

_EXPIRY = 30_000


class Marks:
    """The next offset to fold of each partition, as `traces:3`, for all tasks. Every method that asks Redis
    raises `StateUnavailable` while it is away."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._advance = connection.script("advance")
        self._known: dict[str, int] = {}

    def know(self, positions: Mapping[str, int]) -> None:
        """So far, at least, everything was folded."""
        for log, at in positions.items():
            self._known[log] = max(at, self._known.get(log, 0))

    @property
    def known(self) -> dict[str, int]:
        """How far everything was folded, at least, at this moment."""
        return dict(self._known)

    @staticmethod
    def lost(stored: Mapping[str, int], known: Mapping[str, int]) -> bool:
        """Whether what Redis says is less than what was known before it was asked.

        Before, because others of this process fold on while Redis answers.
        """
        return any(stored.get(log, 0) < at for log, at in known.items())

    async def stored(self) -> dict[str, int]:
        """What Redis says."""
        with self._connection.reached() as redis:
            found = await redis.hgetall(self._keys.folded)
        return {as_text(log): int(at) for log, at in found.items()}

    async def advance(self, positions: Mapping[str, int]) -> None:
        """Note that everything before these was folded.

        Raises:
            StateUnavailable: also where Redis has lost what was noted before.
        """
        if not await self._noted(positions, self._known):
            raise StateUnavailable("Redis has lost what certify had folded")
        self.know(positions)

    async def regain(self, positions: Mapping[str, int]) -> None:
        """Note the same after all that was lost has been folded again."""
        await self._noted(positions, {})
        self.know(positions)

    async def rebuilding(self) -> None:
        """Say, for the next half minute, that what was counted is not complete."""
        with self._connection.reached() as redis:
            await redis.set(self._keys.rebuilding, 1, px=_EXPIRY)

    async def rebuilt(self) -> None:
        with self._connection.reached() as redis:
            await redis.delete(self._keys.rebuilding)

    async def _noted(self, positions: Mapping[str, int], known: Mapping[str, int]) -> bool:
        arguments: list[str | int] = []
        for log, at in positions.items():
            arguments += [log, known.get(log, 0), at]
        with self._connection.reached():
            return bool(await self._advance([self._keys.folded], arguments))
