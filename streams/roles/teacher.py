"""teacher: ask the LLM about each deferral.

Reads deferrals; writes replies. Every deferral gets a reply, which holds a label, or says why there is none.
A message that can't be decoded becomes a dead letter.
"""

import asyncio
import random
from collections.abc import Sequence
from weakref import WeakValueDictionary

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from schemas.codec import DEFERRAL, REPLY
from schemas.messages import Deferral, Reply
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import copied_headers, headers_of, key_of
from streams.tasks import Tasks
from streams.teacher.circuit import pause
from streams.teacher.client import TeacherClient, error_reply
from streams.teacher.give_up import give_up_at

STAGE = "teacher"
AUDITS_STAGE = "teacher-audits"

MAX_BATCH = 128
_LONGEST = 900_000
"""Milliseconds that a batch may take at most, so that it ends before `max.poll.interval.ms` is over."""


class TeacherRole:
    """Turns deferrals into replies, a batch at a time, as many at once as the task's config allows."""

    def __init__(self, tasks: Tasks, topics: Topics, client: TeacherClient) -> None:
        self._tasks = tasks
        self._topics = topics
        self._client = client
        self._slots: WeakValueDictionary[tuple[str, int], asyncio.Semaphore] = WeakValueDictionary()
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)

    async def answer_batch(self, messages: Sequence[Message]) -> list[Outgoing]:
        """The outputs of a batch of deferrals: replies and dead letters."""
        deferrals, outputs = self._dead_letters.decode_all(DEFERRAL, messages)
        replies = await asyncio.gather(*(self._reply(deferral, message) for deferral, message in deferrals))
        for reply, (_, message) in zip(replies, deferrals, strict=True):
            value = REPLY.encode(reply)
            outputs.append(Outgoing(self._topics.replies, key_of(message), value, copied_headers(message)))
        return outputs

    async def _reply(self, deferral: Deferral, message: Message) -> Reply:
        """The teacher's reply. An attempt that fails in a way that passes is repeated until time is over."""
        latest, wishes = unix_ms() + _LONGEST, headers_of(message)
        attempt = 0
        while True:
            attempt += 1
            config = self._tasks.task(deferral.request.task).config.teacher
            async with self._slot(deferral.request.task, config.concurrency):
                outcome = await self._client.ask(deferral, config)
            if isinstance(outcome, Reply):
                return outcome
            wait = max(outcome.retry_after or 0.0, pause(attempt, random.random()))
            ends = min(give_up_at(deferral.requested_at, config, wishes), latest)
            if unix_ms() + wait * 1000.0 >= ends:
                why = f"{outcome.why} (given up after {attempt} attempts)"
                return error_reply(deferral, config, why, outcome.usage, gave_up=True)
            await asyncio.sleep(wait)

    def _slot(self, task: str, concurrency: int) -> asyncio.Semaphore:
        """The task's slots, kept as long as anyone asks."""
        key = (task, concurrency)
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = asyncio.Semaphore(concurrency)
        return slots


def install(app: App, channel: BatchChannel, role: TeacherRole, stage: str) -> None:
    """Register the agent of one lane."""

    @app.agent(channel, name=stage)
    async def teacher(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outputs:
                outputs.extend(await role.answer_batch(batch.messages))
