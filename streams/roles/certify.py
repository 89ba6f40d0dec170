"""Certify role: folds audits into certificates and alarms, and acts on what follows from them.

Reads traces, audits, deferrals and failed audits; writes to Redis, and events. The steps of a batch, in this
order:

    1. for each task: fold the new observations into what Redis holds, and act on what follows
       (`streams.roles.audit_folder`)
    2. judge the candidates whose answers the traces check
    3. note how far the partitions are folded; then the source commits

Killed between any two of them, the batch is read again: a trace that was folded is not folded again, and an
alarm that was not answered, or drift that was not reported, is acted on then. Once a second every task has a
step without observations, since the time and the config change things too; then a worker which finds that
Redis has lost counts rebuilds them from the topics, and until that is done no version is certified. Where the
counts of one task can't be read, these alone are rebuilt.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from mode import Service

from schemas.codec import AUDIT_FAILURE, DEFERRAL, TRACE
from schemas.topics import Topics
from streams.certify.evidence import OnAlarm, OnDeferralDrift
from streams.certify.observations import (
    AUDITS,
    DEFERRALS,
    FAILURES,
    TRACES,
    Observations,
    end_offsets,
    observe_deferrals,
    observe_failures,
    observe_traces,
)
from streams.certify.passed_by import PassedBy
from streams.certify.status import CertificateStatus
from streams.certify.topic_log import TopicLog
from streams.errors import KafkaFailed, StateUnavailable, StateUnreadable, TopicReplaced
from streams.halving import fail_alone
from streams.kafka.batch import Batch, MessageOutputs
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.event_publisher import EventPublisher
from streams.outage import Outage
from streams.roles.audit_folder import AuditFolder
from streams.roles.count_rebuild import CountRebuild, with_current_labels
from streams.rollout.trials import TrialJudge
from streams.state.audits import AuditStore
from streams.state.fold_offsets import FoldOffsets
from streams.state.known_labels import KnownLabels
from streams.tasks import Tasks

log = logging.getLogger(__name__)

Record = TypeVar("Record")

STAGE = "certify"
ASKED_STAGE = "certify-asked"
AUDITS_STAGE = "certify-audits"
FAILURES_STAGE = "certify-failures"
ASKED_STAGES = {AUDITS: AUDITS_STAGE, DEFERRALS: ASKED_STAGE}

_LOOK = 1.0
_CHECK_TOPICS = 5.0
_ATTEMPTS = 20
_SHOWN = 60_000
"""Milliseconds without a look at all tasks after which what was found is not shown any more."""


class AuditCertifier(Service):
    """Folds audits into the state that Redis holds.

    Args:
        topic_logs: traces, what the teacher is asked and what it has failed on, to be re-read.
        trial_judge: judges candidate versions on trial.
        synchronize: sets the clock; None for one that is right. It raises StateUnavailable.
        others: as of `AuditFolder`.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        audits: AuditStore,
        offsets: FoldOffsets,
        topic_logs: Mapping[str, TopicLog],
        event_publisher: EventPublisher,
        on_alarm: OnAlarm,
        on_deferral_drift: OnDeferralDrift,
        trial_judge: TrialJudge,
        may_answer: Callable[[str, str], Awaitable[bool]],
        known_labels: KnownLabels,
        passed_by: PassedBy,
        clock: Callable[[], int],
        synchronize: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__()
        self._live_tasks = tasks
        self._audits = audits
        self._offsets = offsets
        self._topic_logs = topic_logs
        self._trial_judge = trial_judge
        self._passed_by = passed_by
        self._clock = clock
        self._synchronize = synchronize
        self._looked_at = 0
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)
        self._folder = AuditFolder(
            tasks,
            audits,
            offsets,
            topic_logs,
            event_publisher,
            on_alarm,
            on_deferral_drift,
            may_answer,
            known_labels,
            passed_by,
            self._check_topics,
            clock,
        )
        self._no_rebuild = Outage(
            log, "lost counts can't be rebuilt, will retry", "lost counts can be rebuilt"
        )
        self._no_topic_ids = Outage(
            log, "topic ids can't be checked, will retry", "topic ids are checked again"
        )
        self._no_progress = Outage(
            log, "the teacher's progress can't be read, will retry", "the teacher's progress is read again"
        )
        self._count_rebuild = CountRebuild(
            tasks, topic_logs, offsets, audits.recounts, self._dead_letters, self._folder.fold, clock
        )

    async def on_start(self) -> None:
        for topic_log in self._topic_logs.values():
            await topic_log.check_identity()
            self._offsets.remember(await topic_log.committed())
        self.add_future(self._watch())
        self.add_future(self._watch_teachers())
        self.add_future(self._watch_topics())

    async def fold_traces(self, messages: Sequence[Message]) -> list[MessageOutputs]:
        """Fold the audits in a batch of traces.

        Raises:
            StateUnavailable: Redis is away, or has lost what was folded; the batch is to be read again.
        """
        decoded, outgoing = self._dead_letters.decode_all(TRACE, messages)
        traces = with_current_labels(self._live_tasks, decoded)
        log_name = self._topic_logs[TRACES].name
        outgoing += await self._fold_each(traces, lambda some: observe_traces(some, log_name))
        outgoing += self._failed(await fail_alone(traces, self._trial_judge.judge))
        await self._offsets.advance(end_offsets(log_name, messages))
        return outgoing

    async def fold_deferrals(
        self, messages: Sequence[Message], stream: str = DEFERRALS
    ) -> list[MessageOutputs]:
        """Note the audits that a batch asks for. The teacher role refuses what can't be read.

        Args:
            stream: `audits`, or `deferrals`, where audits are without a lane of their own.

        Raises:
            StateUnavailable: as in `fold_traces`.
        """
        deferrals, _ = self._dead_letters.decode_all(DEFERRAL, messages)
        log_name = self._topic_logs[stream].name
        failed = await self._fold_each(deferrals, lambda some: observe_deferrals(some, log_name))
        await self._offsets.advance(end_offsets(log_name, messages))
        return failed

    async def fold_failures(self, messages: Sequence[Message]) -> list[MessageOutputs]:
        """Note the audits on which the teacher has failed.

        Raises:
            StateUnavailable: as in `fold_traces`.
        """
        failures, outgoing = self._dead_letters.decode_all(AUDIT_FAILURE, messages)
        log_name = self._topic_logs[FAILURES].name
        outgoing += await self._fold_each(failures, lambda some: observe_failures(some, log_name))
        await self._offsets.advance(end_offsets(log_name, messages))
        return outgoing

    async def _fold_each(
        self,
        records: Sequence[tuple[Record, Message]],
        observe: Callable[[Sequence[tuple[Record, Message]]], Mapping[str, Observations]],
    ) -> list[MessageOutputs]:
        """Fold records; the dead letters of those that fail alone.

        What was folded is not folded again, so records may be halved until the one at fault is alone.
        """

        async def fold(some: Sequence[tuple[Record, Message]]) -> None:
            for task, observations in observe(some).items():
                await self._folder.fold(task, observations)

        return self._failed(await fail_alone(records, fold))

    def _failed(self, failed: Iterable[tuple[tuple[Any, Message], Exception]]) -> list[MessageOutputs]:
        return [self._dead_letters.failed(message, error) for (_, message), error in failed]

    async def look(self) -> None:
        """Take a step without observations for every task, after rebuilding what Redis has lost.

        Raises:
            StateUnavailable: Redis is away.
            KafkaFailed: a topic can't be re-read.
        """
        if self._synchronize is not None:
            await self._synchronize()
        known = self._offsets.known
        await self._count_rebuild.rebuild_if_lost(await self._offsets.read(), known)
        waiting = await self._count_rebuild.count_again()
        self._folder.seen.update(await self._audits.tasks())
        for task in sorted(self._folder.seen - waiting):
            try:
                versions = (await self._audits.task_state(task)).versions
            except StateUnreadable as error:
                raise await self._folder.begin_again(task, error) from error
            await self._folder.fold(task, Observations(), versions)
        self._looked_at = self._clock()

    def statuses(self) -> Mapping[str, Mapping[str, CertificateStatus]]:
        """The statuses of each task's versions; none while they may be out of date."""
        is_late = self._clock() - self._looked_at > _SHOWN
        return {} if is_late else self._folder.statuses

    async def _watch(self) -> None:
        while not self.should_stop:
            try:
                await self.look()
            except StateUnavailable as error:
                log.debug("certify waits for Redis: %s", error)
            except KafkaFailed as error:
                self._no_rebuild.note_failure(error)
            else:
                self._no_rebuild.note_success()
            await self.sleep(_LOOK)

    async def _watch_topics(self) -> None:
        while not self.should_stop:
            await self.sleep(_CHECK_TOPICS)
            try:
                await self._check_topics()
            except StateUnavailable as error:
                if not self.should_stop:
                    self._no_topic_ids.note_failure(error)
            else:
                self._no_topic_ids.note_success()

    async def _watch_teachers(self) -> None:
        while not self.should_stop:
            await self.sleep(self._passed_by.interval)
            if not self._folder.replies_are_missing:
                continue
            self._folder.replies_are_missing = False
            try:
                await self._passed_by.look(self._clock())
            except KafkaFailed as error:
                self._no_progress.note_failure(error)
            else:
                self._no_progress.note_success()

    async def _check_topics(self) -> None:
        """Check that the topics are still those that were read so far; else the process ends.

        Raises:
            StateUnavailable: a topic was replaced, or the broker does not say.
        """
        try:
            for topic_log in self._topic_logs.values():
                await topic_log.check_identity()
        except TopicReplaced as error:
            log.critical("certify stops: %s", error)
            await self.crash(error)
            raise StateUnavailable("certify stops: a topic was replaced") from error
        except KafkaFailed as error:
            raise StateUnavailable(str(error)) from error


def install_traces(app: App, channel: BatchChannel, certifier: AuditCertifier) -> None:
    """Register the agent that reads traces."""

    @app.agent(channel, name=STAGE)
    async def certify(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outgoing:
                outgoing.extend(await certifier.fold_traces(batch.messages))


def install_failures(app: App, channel: BatchChannel, certifier: AuditCertifier) -> None:
    """Register the agent that reads failed audits."""

    @app.agent(channel, name=FAILURES_STAGE)
    async def certify_failures(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outgoing:
                outgoing.extend(await certifier.fold_failures(batch.messages))


def install_asked(app: App, channel: BatchChannel, certifier: AuditCertifier, stream: str) -> None:
    """Register the agent that reads what the teacher is asked, from one of `ASKED_STAGES`."""

    @app.agent(channel, name=ASKED_STAGES[stream])
    async def certify_asked(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outgoing:
                outgoing.extend(await certifier.fold_deferrals(batch.messages, stream))
