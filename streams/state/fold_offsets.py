"""Fold offsets: how far certify has folded each partition, and whether Redis still knows.

Certify writes to Redis before it commits to Kafka, so Redis never knows less than what was committed, or than
what this process has written itself. Where it does, it was emptied, or set back to an older state, and one
worker re-reads what lies between. That worker's claim changes with every batch that it reads: so the others
see that it is alive, and it sees itself if Redis is emptied or set back once more meanwhile.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.redis_keys import Keys
from streams.errors import StateUnavailable
from streams.state.connection import Connection, as_text

_REBUILDING = "rebuilding"


@dataclass(frozen=True, slots=True)
class OffsetsRead:
    """What Redis says.

    Attributes:
        positions: the next offset to fold of each partition, as `traces:3`, for all tasks.
        rebuilding: claim of the worker that rebuilds what was lost; None while none does.
    """

    positions: Mapping[str, int] = field(default_factory=dict)
    rebuilding: str | None = None

    @classmethod
    def of(cls, fields: Mapping[Any, Any]) -> "OffsetsRead":
        """What the hash says."""
        texts = {as_text(name): as_text(value) for name, value in fields.items()}
        rebuilding = texts.pop(_REBUILDING, None)
        return cls({log: int(at) for log, at in texts.items()}, rebuilding)


class FoldOffsets:
    """Every method that asks Redis raises `StateUnavailable` while it is away."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._advance = connection.script("fold_offsets_advance")
        self._claim = connection.script("fold_offsets_rebuild")
        self._known: dict[str, int] = {}
        self._ours: str | None = None

    def remember(self, positions: Mapping[str, int]) -> None:
        """Remember that everything before these positions was folded."""
        for log, at in positions.items():
            self._known[log] = max(at, self._known.get(log, 0))

    @property
    def known(self) -> dict[str, int]:
        """How far everything was folded at least, as of now."""
        return dict(self._known)

    @staticmethod
    def has_lost(folded: OffsetsRead, known: Mapping[str, int]) -> bool:
        """Whether what Redis says is less than what was known before it was asked.

        Before, because others of this process fold on while Redis answers.
        """
        return any(folded.positions.get(log, 0) < at for log, at in known.items())

    def holds_claim(self, folded: OffsetsRead) -> bool:
        """Whether this worker holds the claim to rebuild."""
        return self._ours is not None and folded.rebuilding == self._ours

    async def read(self) -> OffsetsRead:
        with self._connection.client() as redis:
            return OffsetsRead.of(await redis.hgetall(self._keys.folded))

    async def advance(self, positions: Mapping[str, int]) -> None:
        """Note that everything before these was folded.

        Raises:
            StateUnavailable: also where Redis has lost what was noted before.
        """
        arguments: list[str | int] = []
        for log, at in positions.items():
            arguments += [log, self._known.get(log, 0), at]
        with self._connection.client():
            noted = await self._advance([self._keys.folded], arguments)
        if not noted:
            raise StateUnavailable("Redis has lost audit counts; certify rebuilds them")
        self.remember(positions)

    async def reset(self) -> None:
        """Forget all positions: the workers then find that Redis has lost them, and one rebuilds."""
        with self._connection.client() as redis:
            logs = [as_text(name) for name in await redis.hkeys(self._keys.folded)]
            if positions := [log for log in logs if log != _REBUILDING]:
                await redis.hdel(self._keys.folded, *positions)

    async def begin_rebuild(self, folded: OffsetsRead) -> bool:
        """Claim the rebuild, in place of the claim in `folded`; False if that has changed."""
        claim = f"{secrets.token_hex(8)}:0"
        if await self._claimed(folded.rebuilding, claim):
            self._ours = claim
        return self._ours is not None

    async def renew_claim(self) -> None:
        """Show that this worker is alive.

        Raises:
            StateUnavailable: also where the claim was lost, and with it what was folded under it.
        """
        name, count = (self._ours or ":0").split(":")
        claim = f"{name}:{int(count) + 1}"
        if not await self._claimed(self._ours, claim):
            raise StateUnavailable("Redis has lost audit counts during a rebuild; certify starts it again")
        self._ours = claim

    async def finish_rebuild(self, positions: Mapping[str, int]) -> None:
        """Note that everything before these positions is folded again, and give the claim back.

        Raises:
            StateUnavailable: as for `renew_claim`.
        """
        if not await self._claimed(self._ours, "", positions):
            raise StateUnavailable(
                "Redis has lost audit counts at the end of a rebuild; certify starts it again"
            )
        self._ours = None
        self.remember(positions)

    def abandon_rebuild(self) -> None:
        """Give up a failed rebuild: a worker starts it again once the claim is not renewed for a while."""
        self._ours = None

    async def _claimed(
        self, before: str | None, claim: str, positions: Mapping[str, int] | None = None
    ) -> bool:
        words = [word for mark in (positions or {}).items() for word in mark]
        with self._connection.client():
            return bool(await self._claim([self._keys.folded], [before or "", claim, *words]))
