"""Deduplication of replies: only the first reply to a request counts, also if it is delivered again."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.redis_keys import Keys
from streams.state.connection import Connection


class ReplyPosition(NamedTuple):
    """Position of a reply in its topic, and the request and question that it answers.

    Attributes:
        question: empty for the label of a deferred request, `-audit-v3` for an audit of version v3, `-repeat`
            for a second label. A client may send a request again, and another version may answer it then; the
            reply to that audit counts too.
    """

    task: str
    request: str
    partition: int
    offset: int
    question: str = ""


class ReplyDedup:
    """Remembers for `memory` seconds the position of the first reply to each request."""

    def __init__(self, connection: Connection, keys: Keys, memory: int) -> None:
        self._connection = connection
        self._keys = keys
        self._memory = memory
        self._claim = connection.script("reply_dedup_claim")

    async def first(self, places: Sequence[ReplyPosition]) -> list[bool]:
        """For each reply, whether it is the first.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        with self._connection.client() as redis:
            async with redis.pipeline(transaction=False) as pipeline:
                for place in places:
                    key = self._keys.replied(place.task, place.request, place.question)
                    where = f"{place.partition}:{place.offset}"
                    await self._claim([key], [where, self._memory], client=pipeline)
                return [bool(first) for first in await pipeline.execute()]
