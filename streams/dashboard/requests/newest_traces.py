"""Newest traces of a task: a bounded look at the topic of traces, when a person asks for it.

Nothing reads them on a page load. Each look reads at most `MOST` messages of all tasks together, one look at
a time, and its texts are kept for `_KEPT` seconds, so that several questions in a row read once. What is to
be forgotten is left out. No text is logged or written anywhere.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from confluent_kafka import Message

from schemas.codec import TRACE
from schemas.config import TeacherConfig
from schemas.errors import InvalidMessage
from schemas.messages import Trace
from streams.errors import KafkaFailed
from streams.gateway.problems import unavailable
from streams.kafka.message import as_bytes
from streams.label_set import LabelSet
from streams.privacy.forgotten import ForgottenRequests
from streams.tasks import Task

log = logging.getLogger(__name__)

MOST = 4_000
MOST_BYTES = 32_000_000
SECONDS = 8.0
_KEPT = 60.0


class FoundTraces(NamedTuple):
    """Attributes:
    traces: of the task, oldest first, with the labels' names of today; a second answer is none of them.
    looked_at: how many messages of all tasks were read.
    """

    traces: Sequence[Trace]
    looked_at: int


class NewestTraces:
    """Used on the event loop only.

    Args:
        read: the newest messages of the topic; called in a thread. Raises KafkaFailed.
    """

    def __init__(self, read: Callable[[], Sequence[Message]], forgotten: ForgottenRequests) -> None:
        self._read = read
        self._forgotten = forgotten
        self._turn = asyncio.Lock()
        self._known: list[Trace] = []
        self._looked_at = 0
        self._read_at: float | None = None

    async def of_task(self, task: str, teacher: TeacherConfig) -> FoundTraces:
        """Raises KafkaFailed."""
        async with self._turn:
            if self._read_at is None or time.monotonic() - self._read_at > _KEPT:
                self._known, self._looked_at = await asyncio.to_thread(self._look)
                self._read_at = time.monotonic()
                asyncio.get_running_loop().call_later(_KEPT, self._forget, self._read_at)
        labels = LabelSet.of(teacher)
        mine = [
            labels.current_trace(trace)
            for trace in self._known
            if trace.task == task and trace.first is None and not self._forgotten.covers_trace(trace)
        ]
        return FoundTraces(mine, self._looked_at)

    def _look(self) -> tuple[list[Trace], int]:
        messages = self._read()
        return [trace for message in messages if (trace := _trace_in(message)) is not None], len(messages)

    def _forget(self, read_at: float) -> None:
        """Drop the texts, unless they were read again since."""
        if self._read_at == read_at:
            self._known, self._read_at = [], None


async def traces_for_caller(traces: NewestTraces, task: Task) -> FoundTraces:
    """The newest traces of a task, for a call. Raises HttpProblem: the topic can't be read now."""
    try:
        return await traces.of_task(task.name, task.config.teacher)
    except KafkaFailed as error:
        raise unavailable(f"the newest traces can't be read now: {error}", task=task.name) from error


def _trace_in(message: Message) -> Trace | None:
    try:
        return TRACE.decode(as_bytes(message.value()))
    except InvalidMessage as problem:
        log.warning("skipped a message that is no trace: topic=%s: %s", message.topic(), problem)
        return None
