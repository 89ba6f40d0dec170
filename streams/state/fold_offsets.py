"""Fold offsets: how far certify has folded each partition, and whether Redis has lost some of it.

Certify writes to Redis before it commits to Kafka. So the offsets in Redis are never behind those committed
to Kafka, or those that this process has written. If they are, Redis was emptied, or restored from an older
state, and one worker rebuilds the lost counts from the topics. That worker holds a claim, which changes with
every batch that it reads. The other workers see from it that the worker is alive, and the worker itself sees
from it if Redis loses data again.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.redis_keys import Keys
from streams.errors import StateUnavailable
from streams.state.connection import Connection, as_text

REBUILDING = "rebuilding"


@dataclass(frozen=True, slots=True)
class OffsetsRead:
    """Fold offsets as Redis holds them.

    Attributes:
        positions: the next offset to fold, by partition (`traces:3`), for all tasks.
        rebuilding: claim of the worker that rebuilds lost counts; None if no worker does.
    """

    positions: Mapping[str, int] = field(default_factory=dict)
    rebuilding: str | None = None

    @classmethod
    def of(cls, fields: Mapping[Any, Any]) -> "OffsetsRead":
        """The offsets in these fields of the hash."""
        texts = {as_text(name): as_text(value) for name, value in fields.items()}
        rebuilding = texts.pop(REBUILDING, None)
        return cls({log: int(at) for log, at in texts.items()}, rebuilding)


class FoldOffsets:
    """Fold offsets in Redis. Methods that use Redis raise `StateUnavailable` while it can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._advance = connection.script("fold_offsets_advance")
        self._claim = connection.script("fold_offsets_rebuild")
        self._known: dict[str, int] = {}
        self._ours: str | None = None

    def remember(self, positions: Mapping[str, int]) -> None:
        """Remember in this process that everything before these positions is folded."""
        for log, at in positions.items():
            self._known[log] = max(at, self._known.get(log, 0))

    @property
    def known(self) -> dict[str, int]:
        """Positions up to which this process knows that everything is folded, by partition."""
        return dict(self._known)

    @staticmethod
    def has_lost(folded: OffsetsRead, known: Mapping[str, int]) -> bool:
        """Whether Redis holds a lower position than one in `known`.

        `known` must be taken before Redis is read, because other tasks of this process continue to fold.
        """
        return any(folded.positions.get(log, 0) < at for log, at in known.items())

    def holds_claim(self, folded: OffsetsRead) -> bool:
        """Whether this worker holds the claim to rebuild."""
        return self._ours is not None and folded.rebuilding == self._ours

    async def read(self) -> OffsetsRead:
        with self._connection.client() as redis:
            return OffsetsRead.of(await redis.hgetall(self._keys.folded))

    async def advance(self, positions: Mapping[str, int]) -> None:
        """Write to Redis that everything before these positions is folded.

        Raises:
            StateUnavailable: also if Redis has lost an earlier position.
        """
        arguments: list[str | int] = []
        for log, at in positions.items():
            arguments += [log, self._known.get(log, 0), at]
        with self._connection.client():
            is_written = await self._advance([self._keys.folded], arguments)
        if not is_written:
            raise StateUnavailable("Redis has lost audit counts; certify rebuilds them")
        self.remember(positions)

    async def reset(self) -> None:
        """Delete all positions from Redis, so that one worker rebuilds all counts from the topics."""
        with self._connection.client() as redis:
            logs = [as_text(name) for name in await redis.hkeys(self._keys.folded)]
            if positions := [log for log in logs if log != REBUILDING]:
                await redis.hdel(self._keys.folded, *positions)

    async def begin_rebuild(self, folded: OffsetsRead) -> bool:
        """Take the claim to rebuild; False if another worker has changed it since `folded` was read."""
        claim = f"{secrets.token_hex(8)}:0"
        if await self._exchange_claim(folded.rebuilding, claim):
            self._ours = claim
        return self._ours is not None

    async def renew_claim(self) -> None:
        """Renew the claim, to show that this worker is alive.

        Raises:
            StateUnavailable: also if Redis has lost the claim, and so possibly what was rebuilt under it.
        """
        name, count = (self._ours or ":0").split(":")
        claim = f"{name}:{int(count) + 1}"
        if not await self._exchange_claim(self._ours, claim):
            raise StateUnavailable("Redis has lost audit counts during a rebuild; certify starts it again")
        self._ours = claim

    async def finish_rebuild(self, positions: Mapping[str, int]) -> None:
        """Write that everything before these positions is folded again, and give the claim back.

        Raises:
            StateUnavailable: as for `renew_claim`.
        """
        if not await self._exchange_claim(self._ours, "", positions):
            raise StateUnavailable(
                "Redis has lost audit counts at the end of a rebuild; certify starts it again"
            )
        self._ours = None
        self.remember(positions)

    def abandon_rebuild(self) -> None:
        """Give up a rebuild that failed. A worker starts it again if the claim is not renewed for a while."""
        self._ours = None

    async def _exchange_claim(
        self, before: str | None, claim: str, positions: Mapping[str, int] | None = None
    ) -> bool:
        words = [word for mark in (positions or {}).items() for word in mark]
        with self._connection.client():
            return bool(await self._claim([self._keys.folded], [before or "", claim, *words]))
