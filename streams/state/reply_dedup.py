"""Deduplication of replies: the first reply to a request counts, also redelivered; later ones are dropped."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.redis_keys import Keys
from streams.state.connection import Connection


class ReplyPosition(NamedTuple):
    """Where a reply stands, and what it replies to.

    Attributes:
        question: what the teacher was asked about the request: empty for its label, else `-audit-v3` whether
            v3 was right, `-repeat` the same again. A client may send a request anew, which is then for
            another version to answer: its reply is one of its own.
    """

    task: str
    request: str
    partition: int
    offset: int
    question: str = ""


class ReplyDedup:
    """Remembers, for `memory` seconds, where the reply to each request stood."""

    def __init__(self, connection: Connection, keys: Keys, memory: int) -> None:
        self._connection = connection
        self._keys = keys
        self._memory = memory
        self._claim = connection.script("reply_dedup_claim")

    async def first(self, places: Sequence[ReplyPosition]) -> list[bool]:
        """For each reply, whether it is the one that counts.

        Raises:
            StateUnavailable: Redis does not say.
        """
        with self._connection.client() as redis:
            async with redis.pipeline(transaction=False) as pipeline:
                for place in places:
                    key = self._keys.replied(place.task, place.request, place.question)
                    where = f"{place.partition}:{place.offset}"
                    await self._claim([key], [where, self._memory], client=pipeline)
                return [bool(first) for first in await pipeline.execute()]
