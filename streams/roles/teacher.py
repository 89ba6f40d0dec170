"""teacher: ask the LLM what the surrogate could not or may not answer alone.

Reads deferrals; writes replies. Every deferral gets a reply, which holds a label, or says why there is none.
What can't be read is a dead letter.
"""

import asyncio
from collections.abc import Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from schemas.codec import DEFERRAL, REPLY
from schemas.topics import Topics
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import copied_headers, key_of
from streams.tasks import Tasks
from streams.teacher.client import TeacherClient

STAGE = "teacher"

# All asks of a batch are over within the asker's deadline, so a batch holds no more than fit into it.
MOST = 128


class TeacherRole:
    """Turns deferrals into replies, a batch at a time, as many at once as the task's config allows."""

    def __init__(self, live: Tasks, topics: Topics, asker: TeacherClient) -> None:
        self._live = live
        self._topics = topics
        self._asker = asker
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)

    async def replied(self, messages: Sequence[Message]) -> list[Outgoing]:
        """All that a batch of deferrals causes."""
        deferrals, outgoing = self._dead_letters.decoded(DEFERRAL, messages)
        replies = await asyncio.gather(
            *(
                self._asker.ask(deferral, self._live.task(deferral.request.task).config.teacher)
                for deferral, _ in deferrals
            )
        )
        for reply, (_, message) in zip(replies, deferrals, strict=True):
            value = REPLY.encode(reply)
            outgoing.append(Outgoing(self._topics.replies, key_of(message), value, copied_headers(message)))
        return outgoing


def install(app: App, channel: BatchChannel, desk: TeacherRole) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def teacher(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled() as outgoing:
                outgoing.extend(await desk.replied(batch.messages))
