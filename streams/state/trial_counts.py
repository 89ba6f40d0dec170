"""Trial counts: checked answers of candidate versions. A trace counts once, however often it is read."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from models.certificate import Certificate
from schemas.redis_keys import Keys
from streams.state.connection import Connection


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """One answer that the teacher has checked: where its trace stands, and whether the labels agreed."""

    partition: int
    offset: int
    agreed: bool


class TrialCounts:
    """Trial counts in Redis. Every method raises `StateUnavailable` while Redis is away."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._fold = connection.script("trial_counts_fold")

    async def fold(self, task: str, version: str, checked: Sequence[CheckedAnswer]) -> Certificate:
        """Count answers, those of one partition in order of offset; the counts after that."""
        parts: defaultdict[int, list[int]] = defaultdict(list)
        for one in checked:
            parts[one.partition] += [one.offset, int(one.agreed)]
        n, k = 0, 0
        with self._connection.client():
            for partition, words in parts.items():
                n, k = await self._fold([self._keys.trial(task, version)], [partition, *words])
        return Certificate(n, k)
