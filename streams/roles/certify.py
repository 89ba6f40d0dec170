"""Certify role: folds audits into certificates and alarms, and acts on what follows from them.

Reads traces, audits, deferrals and failed audits; writes to Redis, and events. The steps of a batch, in this
order:

    1. for each task: read the snapshot, fold the new observations into it, write all of it at once or retry
    2. emit events, have alarms answered, and have drift of deferred requests reported
    3. judge the candidates whose answers the traces check
    4. note how far the partitions are folded; then the source commits

Killed between any two of them, the batch is read again: a trace that was folded is not folded again, and an
alarm that was not answered, or drift that was not reported, is acted on then. Once a second every task has a
step without observations, since the time and the config change things too; then a worker which finds that
Redis has lost counts rebuilds them from the topics, and until that is done no version is certified. Where the
counts of one task can't be read, these alone are rebuilt.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from mode import Service

from schemas.codec import AUDIT_FAILURE, DEFERRAL, TRACE
from schemas.config import Config
from schemas.events import Event, EventKind, LabelBlockedDetails
from schemas.topics import Topics
from streams.certify.asking_order import frontier
from streams.certify.evidence import OnAlarm, OnDeferralDrift
from streams.certify.observations import (
    AUDITS,
    DEFERRALS,
    FAILURES,
    TRACES,
    AlarmAnswered,
    Observations,
    end_offsets,
    observe_deferrals,
    observe_failures,
    observe_traces,
)
from streams.certify.passed_by import GRACE, PassedBy
from streams.certify.snapshot import Snapshot
from streams.certify.status import CertificateStatus
from streams.certify.step import Step, step
from streams.certify.task_state import adopt_positions, foreign_positions
from streams.certify.topic_log import TopicLog
from streams.errors import KafkaFailed, StateUnavailable, StateUnreadable, TopicReplaced
from streams.halving import fail_alone
from streams.kafka.batch import Batch, MessageOutputs
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.event_publisher import EventPublisher
from streams.outage import Outage
from streams.roles.count_rebuild import CountRebuild, FoldMode, with_current_labels
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
        on_alarm: answers alarms.
        on_deferral_drift: reports that deferred requests of a version agree less than expected.
        trial_judge: judges candidate versions on trial.
        may_answer: whether a version, given after its task, may answer requests.
        known_labels: which labels a version can't know.
        passed_by: which audits a task's teacher has passed by.
        clock: Unix milliseconds, the same for all workers.
        synchronize: sets the clock; None for one that is right. It raises StateUnavailable.
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
        self._event_publisher = event_publisher
        self._on_alarm = on_alarm
        self._on_deferral_drift = on_deferral_drift
        self._trial_judge = trial_judge
        self._may_answer = may_answer
        self._known_labels = known_labels
        self._passed_by = passed_by
        self._clock = clock
        self._synchronize = synchronize
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)
        self._seen: set[str] = set()
        self._statuses: dict[str, dict[str, CertificateStatus]] = {}
        self._looked_at = 0
        self._unreadable: set[str] = set()
        self._replies_are_missing = False
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
            tasks, topic_logs, offsets, audits.recounts, self._dead_letters, self._fold, clock
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
                await self._fold(task, observations)

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
        self._seen |= await self._audits.tasks()
        for task in sorted(self._seen - waiting):
            try:
                versions = (await self._audits.task_state(task)).versions
            except StateUnreadable as error:
                raise await self._begin_again(task, error) from error
            await self._fold(task, Observations(), versions)
        self._looked_at = self._clock()

    def statuses(self) -> Mapping[str, Mapping[str, CertificateStatus]]:
        """The statuses of each task's versions; none while they may be out of date."""
        is_late = self._clock() - self._looked_at > _SHOWN
        return {} if is_late else self._statuses

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
            if not self._replies_are_missing:
                continue
            self._replies_are_missing = False
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

    async def _fold(
        self,
        task: str,
        observations: Observations,
        versions: Sequence[str] = (),
        *,
        mode: FoldMode = FoldMode.STREAM,
        mark: str = "",
    ) -> None:
        """Fold observations of a task; `mark` is that of the recount that they are read for."""
        self._seen.add(task)
        config = self._live_tasks.task(task).config
        ids = {**dict.fromkeys(versions, ()), **observations.requests}
        for _ in range(_ATTEMPTS):
            now = self._clock()
            known = self._offsets.known
            late, passed = now - round(config.audit_overdue * 1000), self._passed_by.until(config.teacher)
            try:
                reading = await self._audits.read(task, ids, late, passed or 0)
            except StateUnreadable as error:
                raise await self._begin_again(task, error) from error
            offsets, folded = self._offsets, reading.folded
            if reading.recount != mark:
                if mode is FoldMode.REBUILD:
                    return  # it is counted from the start of the topics afterwards
                await self._audits.recounts.note(task)
                raise StateUnavailable("audits of this task are counted again")
            rebuilding = mode is FoldMode.REBUILD
            if not offsets.holds_claim(folded) if rebuilding else offsets.has_lost(folded, known):
                raise StateUnavailable("Redis has lost audit counts; certify rebuilds them")
            names = {stream: topic_log.name for stream, topic_log in self._topic_logs.items()}
            if foreign_positions(reading.snapshot.task_state, names):
                await self._check_topics()
                log.warning(
                    "audit counts came from a deleted topic; counts reset, re-reading topics from the start: "
                    "task=%s",
                    task,
                )
                if await self._audits.reset(task, reading):
                    await self._offsets.reset()
                continue
            self._replies_are_missing |= _waits_since(reading.snapshot, now - GRACE)
            snapshot = replace(
                reading.snapshot,
                task_state=adopt_positions(reading.snapshot.task_state, names),
                new_labels={
                    version: await self._known_labels.new_to(task, version, config) for version in ids
                },
                new_to_live=await self._new_to_live(task, config, reading.snapshot),
            )
            complete = folded.rebuilding is None and not reading.recount
            outcome = step(task, snapshot, observations, config, now, complete=complete, passed=passed)
            if not outcome.changes(reading.snapshot) or await self._audits.write(task, reading, outcome):
                self._note_statuses(task, snapshot, outcome)
                await self._act_on(task, outcome, mode, mark)
                return
        raise StateUnavailable(f"other workers keep changing the audit state: task={task}")

    def _note_statuses(self, task: str, snapshot: Snapshot, outcome: Step) -> None:
        changed = {version: change.status for version, change in outcome.versions.items()}
        found = {**self._statuses.get(task, {}), **snapshot.statuses, **changed}
        for version in outcome.dropped:
            found.pop(version, None)
        self._statuses[task] = found

    async def _begin_again(self, task: str, error: StateUnreadable) -> StateUnavailable:
        """Delete counts that can't be read; the next look counts the task again. Returns what to raise."""
        log.error("counts are deleted, and read again from the topics: %s", error)
        await self._audits.recounts.discard(task)
        return StateUnavailable("Redis held unreadable audit counts; certify rebuilds them")

    async def _act_on(self, task: str, outcome: Step, mode: FoldMode, mark: str) -> None:
        """Emit the events of a step, have its alarms answered and drift reported, and remember that."""
        for event in outcome.events:
            if await self._is_of_interest(task, event):
                self._event_publisher.publish(event)
        answered = {}
        reported = set()
        for version, (raised, evidence) in outcome.alarms.items():
            with self._leaving_unreadable(task):
                blocked = await self._on_alarm(task, version, evidence)
                answered[version] = AlarmAnswered(raised, blocked)
        for version, state in outcome.deferral_drifts.items():
            with self._leaving_unreadable(task):
                await self._on_deferral_drift(task, version, state)
                reported.add(version)
        if answered or reported:
            acted = Observations(alarms_answered=answered, deferrals_reported=frozenset(reported))
            await self._fold(task, acted, mode=mode, mark=mark)

    async def _new_to_live(self, task: str, config: Config, before: Snapshot) -> tuple[str, ...]:
        """Labels that the live version can't know; those of before where nobody can say which it is."""
        known = before.service_status.new_labels if before.service_status else ()
        with self._leaving_unreadable(task):
            known = await self._known_labels.new_to_live(task, config)
            self._unreadable.discard(task)
        return known

    @contextmanager
    def _leaving_unreadable(self, task: str) -> Iterator[None]:
        """Leave what needs an unreadable serving state to a later look, so that no other task waits for it.

        Routers answer nothing of such a task, so its alarms can wait; its audits are counted all the same.
        """
        try:
            yield
        except StateUnreadable as error:
            if task not in self._unreadable:
                self._unreadable.add(task)
                log.error("alarms wait, audits are counted: %s", error)

    async def _is_of_interest(self, task: str, event: Event) -> bool:
        """False for a blocked label of a version that is stopped anyway."""
        if event.kind is not EventKind.LABEL_BLOCKED:
            return True
        try:
            return await self._may_answer(task, LabelBlockedDetails.of(event).version)
        except StateUnavailable:
            return True  # Redis is down: emit the event anyway; it will not be emitted later


def _waits_since(snapshot: Snapshot, moment: int) -> bool:
    """Whether an audit has waited for its reply since then."""
    first = [frontier(state.waiting, 0) for state in snapshot.version_states.values()]
    return any(one is not None and one <= moment for one in first)


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
