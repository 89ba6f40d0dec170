"""Trial counts: a candidate's checked answers, and how many agree. A trace that is read again counts once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from models.certificate import Certificate
from schemas.redis_keys import Keys
from streams.state.connection import Connection


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """A candidate's answer that the teacher checked: position of its trace, and whether the labels agreed."""

    partition: int
    offset: int
    agreed: bool


class TrialCounts:
    """Trial counts in Redis. Every method raises `StateUnavailable` while Redis can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._fold = connection.script("trial_counts_fold")

    async def counts(self, task: str, version: str) -> Certificate:
        """The checked answers of a candidate so far; none where there was no trial."""
        with self._connection.client() as redis:
            n, k = await redis.hmget(self._keys.trial(task, version), "n", "k")
        return Certificate(int(n or 0), int(k or 0))

    async def fold(self, task: str, version: str, answers: Sequence[CheckedAnswer]) -> Certificate:
        """Count answers, and return the new counts. The answers of one partition are in order of offset."""
        parts: defaultdict[int, list[int]] = defaultdict(list)
        for answer in answers:
            parts[answer.partition] += [answer.offset, int(answer.agreed)]
        n, k = 0, 0
        with self._connection.client():
            for partition, words in parts.items():
                n, k = await self._fold([self._keys.trial(task, version)], [partition, *words])
        return Certificate(n, k)
