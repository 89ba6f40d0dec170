"""Deduplication of replies: which of several replies to a question count, also when they are delivered again.

The first reply with a label counts, and no other label after it. An error claims nothing against a later
label: it counts unless a label, or another error of the same attempt, came before it. An attempt is one
request message of the client, named by its time; a client that sends an id again makes another one.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from schemas.messages import Deferral, Reason
from schemas.redis_keys import Keys
from streams.state.connection import Connection


class Claim(IntEnum):
    """Whether a reply counts: not at all, as the first, or as the label after one or more errors."""

    REFUSED = 0
    FIRST = 1
    SUPERSEDES = 2


class ReplyPosition(NamedTuple):
    """Position of a reply in its topic, and the request and question that it answers.

    Attributes:
        attempt: the broker's time of the request, Unix milliseconds.
        failed: the reply holds an error.
        question: empty for the label of a deferred request, `-audit-v3` for an audit of version v3,
            `-budget-v3` for one of what was refused at a ceiling, `-repeat` for a second label. A client may
            send a request again, and another version may answer it then; the reply to that audit counts too.
    """

    task: str
    request: str
    partition: int
    offset: int
    attempt: int = 0
    failed: bool = False
    question: str = ""


class ReplyDedup:
    """Remembers for `memory` seconds the positions of the replies that count."""

    def __init__(self, connection: Connection, keys: Keys, memory: int) -> None:
        self._connection = connection
        self._keys = keys
        self._memory = memory
        self._claim = connection.script("reply_dedup_claim")

    async def claim(self, places: Sequence[ReplyPosition]) -> list[Claim]:
        """For each reply, whether it counts; the same again when it is redelivered.

        Raises:
            StateUnavailable: Redis can't be used.
        """
        with self._connection.client() as redis:
            async with redis.pipeline(transaction=False) as pipeline:
                for place in places:
                    where = f"{place.partition}:{place.offset}"
                    kind = "error" if place.failed else "label"
                    await self._claim(self._names(place), [where, self._memory, kind], client=pipeline)
                return [Claim(int(claim)) for claim in await pipeline.execute()]

    async def has_label(self, places: Sequence[ReplyPosition]) -> list[bool]:
        """For each question, whether a label counts. Raises StateUnavailable: Redis can't be used."""
        return [label for label, _ in await self._found(places)]

    async def has_reply(self, places: Sequence[ReplyPosition]) -> list[bool]:
        """For each question and attempt, whether a label or an error counts. Raises StateUnavailable."""
        return [label or error for label, error in await self._found(places)]

    async def _found(self, places: Sequence[ReplyPosition]) -> list[tuple[bool, bool]]:
        """Whether a label of the question counts, and an error of this attempt."""
        with self._connection.client() as redis:
            async with redis.pipeline(transaction=False) as pipeline:
                for place in places:
                    label, _, error = self._names(place)
                    pipeline.exists(label)
                    pipeline.exists(error)
                found = [bool(count) for count in await pipeline.execute()]
        return list(zip(found[::2], found[1::2], strict=True))

    def _names(self, place: ReplyPosition) -> list[str]:
        about = (place.task, place.request, place.question)
        return [
            self._keys.replied(*about),
            self._keys.failed(*about),
            self._keys.failed_attempt(*about, place.attempt),
        ]


def question_of(deferral: Deferral) -> str:
    """Which question of its request a deferral asks, see `ReplyPosition`."""
    if deferral.reason is Reason.REPEAT:
        return "-repeat"
    if not deferral.audit or deferral.guess is None:
        return ""
    # One that checks no answer must not stand in the way of one that does.
    return f"-{'audit' if deferral.checks_answer else 'budget'}-{deferral.guess.policy}"
