"""Counts of audits per policy version. A trace is counted once, however often it is read.

The counts and the offset they were counted up to change together, in one script.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.names import Keys
from streams.state.connection import Connection


@dataclass(frozen=True, slots=True)
class Counts:
    """Attributes:
    audits: answered by the surrogate and put to the teacher as well.
    agreements: those on which the teacher gave the same label.
    """

    audits: int = 0
    agreements: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit: where its trace stands, and whether the labels agreed."""

    partition: int
    offset: int
    agreed: bool


class Audits:
    """Audit counts in Redis. Every method raises `StateUnavailable` while Redis is away."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._fold = connection.script("fold")

    async def fold(self, task: str, version: str, audits: Sequence[Audit]) -> None:
        """Count audits; those of one partition must be in order of offset."""
        with self._connection.reached():
            for partition in {audit.partition for audit in audits}:
                arguments: list[int] = [partition]
                for audit in audits:
                    if audit.partition == partition:
                        arguments += [audit.offset, int(audit.agreed)]
                await self._fold([self._keys.audits(task, version)], arguments)

    async def counts(self, task: str, version: str) -> Counts:
        with self._connection.reached() as redis:
            n, k = await redis.hmget(self._keys.audits(task, version), "n", "k")
        return Counts(int(n or 0), int(k or 0))
