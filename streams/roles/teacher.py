"""teacher: ask the LLM about each deferral.

Reads deferrals; writes replies. Every deferral gets a reply, which holds a label, or says why there is none.
A message that can't be decoded becomes a dead letter.
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
AUDITS_STAGE = "teacher-audits"

# All calls of a batch end within the client's deadline, so a batch holds no more than fit into it.
MAX_BATCH = 128


class TeacherRole:
    """Turns deferrals into replies, a batch at a time, as many at once as the task's config allows."""

    def __init__(self, tasks: Tasks, topics: Topics, client: TeacherClient) -> None:
        self._tasks = tasks
        self._topics = topics
        self._client = client
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)

    async def answer_batch(self, messages: Sequence[Message]) -> list[Outgoing]:
        """The outputs of a batch of deferrals: replies and dead letters."""
        deferrals, outputs = self._dead_letters.decode_all(DEFERRAL, messages)
        replies = await asyncio.gather(
            *(
                self._client.ask(deferral, self._tasks.task(deferral.request.task).config.teacher)
                for deferral, _ in deferrals
            )
        )
        for reply, (_, message) in zip(replies, deferrals, strict=True):
            value = REPLY.encode(reply)
            outputs.append(Outgoing(self._topics.replies, key_of(message), value, copied_headers(message)))
        return outputs


def install(app: App, channel: BatchChannel, role: TeacherRole, stage: str) -> None:
    """Register the agent of one lane."""

    @app.agent(channel, name=stage)
    async def teacher(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outputs:
                outputs.extend(await role.answer_batch(batch.messages))
