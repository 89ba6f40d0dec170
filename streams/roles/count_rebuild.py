"""Rebuild of counts: folds the topics again where Redis has lost counts, or holds some that can't be read.

Lost counts are those of all tasks: one worker claims the rebuild, and goes on from where Redis stands. Of
counts that can't be read only their task is counted again, from the start (`streams.state.recount`); several
workers may do it at the same time, since of a message that one has folded the others fold nothing. Until it
is done no version of that task is certified, and its own messages wait, and with them their partitions.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from enum import Enum, auto
from typing import Protocol

from confluent_kafka import Message

from schemas.codec import AUDIT_FAILURE, DEFERRAL, TRACE
from schemas.messages import Trace
from streams.certify.observations import (
    FAILURES,
    TRACES,
    Observations,
    observe_deferrals,
    observe_failures,
    observe_traces,
)
from streams.certify.topic_log import TopicLog
from streams.halving import fail_alone
from streams.kafka.dead_letters import DeadLetters
from streams.label_set import LabelSet
from streams.state.fold_offsets import FoldOffsets, OffsetsRead
from streams.state.recount import Recounts, is_deleting
from streams.tasks import Tasks

log = logging.getLogger(__name__)

PATIENCE = 10_000
"""Milliseconds after which what another worker has begun, and does not go on with, is taken over."""


class FoldMode(Enum):
    """Why messages are folded: they are new, all counts were lost, or those of their task were."""

    STREAM = auto()
    REBUILD = auto()
    TASK_REBUILD = auto()


class Fold(Protocol):
    """Folds observations of a task; raises StateUnavailable."""

    async def __call__(
        self, task: str, observations: Observations, *, mode: FoldMode, mark: str = ""
    ) -> None: ...


class CountRebuild:
    """Used by one worker of certify.

    Args:
        topic_logs: what certify folds, in the order in which it is read again: traces first, so that a
            deferral which was answered since then is known to be.
        fold: folds what is read.
        clock: Unix milliseconds.
    """

    def __init__(
        self,
        tasks: Tasks,
        topic_logs: Mapping[str, TopicLog],
        offsets: FoldOffsets,
        recounts: Recounts,
        dead_letters: DeadLetters,
        fold: Fold,
        clock: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._topic_logs = topic_logs
        self._offsets = offsets
        self._recounts = recounts
        self._dead_letters = dead_letters
        self._fold = fold
        self._clock = clock
        self._claim: tuple[str | None, int] = (None, 0)
        self._deleting: dict[str, tuple[str, int]] = {}

    async def rebuild_if_lost(self, folded: OffsetsRead, known: Mapping[str, int]) -> None:
        """Rebuild what Redis has lost, unless another worker does."""
        claim, since = self._claim
        if folded.rebuilding != claim:
            self._claim = claim, since = folded.rebuilding, self._clock()
        idle = claim is None or self._clock() - since >= PATIENCE
        if (
            idle
            and (claim is not None or self._offsets.has_lost(folded, known))
            and await self._offsets.begin_rebuild(folded)
        ):
            try:
                await self._rebuild(folded.positions)
            finally:
                self._offsets.abandon_rebuild()

    async def count_again(self) -> set[str]:
        """Count the tasks again whose counts were deleted.

        Returns:
            The tasks that wait, because their counts are still being deleted.
        """
        marks = await self._recounts.marks()
        waiting = {task for task, mark in marks.items() if is_deleting(mark)}
        await self._finish_deleting({task: marks[task] for task in waiting})
        if not (tasks := marks.keys() - waiting):
            return waiting
        log.warning("audits are counted again from the topics: tasks=%s", ", ".join(sorted(tasks)))
        begun = {task: marks[task] for task in tasks}
        for stream, topic_log in self._topic_logs.items():
            async with aclosing(topic_log.since({}, {})) as batches:
                async for messages in batches:
                    await self._fold_again(stream, messages, FoldMode.TASK_REBUILD, begun)
        for task, mark in sorted(begun.items()):
            if await self._recounts.end(task, mark):
                log.warning("audits are counted again: task=%s", task)
        return waiting

    async def _rebuild(self, positions: Mapping[str, int]) -> None:
        """Fold the topics again, from where Redis stands to their ends."""
        log.warning("Redis has lost audit counts: rebuilding them from the topics")
        reached: dict[str, int] = {}
        for stream, topic_log in self._topic_logs.items():
            async with aclosing(topic_log.since(positions, reached)) as batches:
                async for messages in batches:
                    await self._offsets.renew_claim()
                    await self._fold_again(stream, messages, FoldMode.REBUILD)
        await self._offsets.finish_rebuild(reached)
        log.warning("audit counts are rebuilt")

    async def _fold_again(
        self,
        stream: str,
        messages: Sequence[Message],
        mode: FoldMode,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        """Fold messages, but for those that fail alone: they became dead letters when they were new.

        Args:
            marks: of the tasks that are counted; None: all are.
        """

        async def fold(some: Sequence[Message]) -> None:
            for task, observations in self._observe(stream, some).items():
                if marks is None:
                    await self._fold(task, observations, mode=mode)
                elif task in marks:
                    await self._fold(task, observations, mode=mode, mark=marks[task])

        for message, error in await fail_alone(messages, fold):
            place = f"{message.topic()}[{message.partition()}]@{message.offset()}"
            log.error("a message is left out of the counts: message=%s", place, exc_info=error)

    async def _finish_deleting(self, marks: Mapping[str, str]) -> None:
        """Delete the counts that another worker does not delete to the end, since it has died."""
        now = self._clock()
        self._deleting = {
            task: known if (known := self._deleting.get(task)) and known[0] == mark else (mark, now)
            for task, mark in marks.items()
        }
        for task, (_, since) in self._deleting.items():
            if now - since >= PATIENCE:
                await self._recounts.discard(task)

    def _observe(self, stream: str, messages: Sequence[Message]) -> dict[str, Observations]:
        name = self._topic_logs[stream].name
        if stream == TRACES:
            decoded, _ = self._dead_letters.decode_all(TRACE, messages)
            return observe_traces(with_current_labels(self._tasks, decoded), name)
        if stream == FAILURES:
            failures, _ = self._dead_letters.decode_all(AUDIT_FAILURE, messages)
            return observe_failures(failures, name)
        deferrals, _ = self._dead_letters.decode_all(DEFERRAL, messages)
        return observe_deferrals(deferrals, name)


def with_current_labels(tasks: Tasks, traces: Iterable[tuple[Trace, Message]]) -> list[tuple[Trace, Message]]:
    """The traces with the names of today, so that a renamed label is compared with its new name."""
    traces = list(traces)
    labels = {
        task: LabelSet.of(tasks.task(task).config.teacher) for task in {trace.task for trace, _ in traces}
    }
    return [(labels[trace.task].current_trace(trace), message) for trace, message in traces]
