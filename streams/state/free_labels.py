"""Free labels: those that teachers give to tasks without a label set, as many as may be, first come first.

An emptied Redis forgets them; they are then counted anew as they come.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.redis_keys import Keys
from streams.state.connection import Connection

_TOLD_FOR = 86_400


class FreeLabel(NamedTuple):
    """A label that a teacher has given.

    Attributes:
        most: how many different labels the task may have.
    """

    task: str
    label: str
    most: int


class FreeLabels:
    """Remembers the free labels of every task; what counts once, counts on, and needs no second look."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._admit = connection.script("free_labels_admit")
        self._admitted: set[tuple[str, str]] = set()

    async def admit(self, given: Sequence[FreeLabel]) -> list[bool]:
        """For each label, whether it is one of the first so many of its task; it is remembered then.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        unknown = list(dict.fromkeys(one for one in given if (one.task, one.label) not in self._admitted))
        if unknown:
            with self._connection.client() as redis:
                async with redis.pipeline(transaction=False) as pipeline:
                    for one in unknown:
                        names = [self._keys.free_labels(one.task)]
                        await self._admit(names, [one.label, one.most], client=pipeline)
                    admitted = await pipeline.execute()
            self._admitted.update(
                (one.task, one.label) for one, counts in zip(unknown, admitted, strict=True) if counts
            )
        return [(one.task, one.label) in self._admitted for one in given]

    async def is_news(self, task: str) -> bool:
        """Whether operators are to be told that the task has too many labels: once a day.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        with self._connection.client() as redis:
            return bool(await redis.set(self._keys.labels_capped(task), "1", nx=True, ex=_TOLD_FOR))
