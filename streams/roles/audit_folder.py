"""Folds observations of a task into what Redis holds, and acts on what follows from them.

    1. read the snapshot, fold the new observations into it, write all of it at once; again where another
       worker has written meanwhile
    2. emit events, have alarms answered, and have drift of deferred requests reported
    3. note what was acted on, in a fold of its own

Where Redis has lost counts, or holds some of a deleted topic or some that can't be read, nothing is folded:
they are rebuilt (`streams.roles.count_rebuild`), and the batch is read again.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from schemas.config import Config
from schemas.events import Event, EventKind, LabelBlockedDetails
from streams.certify.asking_order import frontier
from streams.certify.evidence import OnAlarm, OnDeferralDrift
from streams.certify.observations import AlarmAnswered, Observations
from streams.certify.passed_by import GRACE, PassedBy
from streams.certify.snapshot import Snapshot
from streams.certify.status import CertificateStatus
from streams.certify.step import Step, step
from streams.certify.task_state import adopt_positions, foreign_positions
from streams.certify.topic_log import TopicLog
from streams.errors import StateUnavailable, StateUnreadable
from streams.kafka.event_publisher import EventPublisher
from streams.roles.count_rebuild import FoldMode
from streams.state.audits import AuditsRead, AuditStore
from streams.state.fold_offsets import FoldOffsets
from streams.state.known_labels import KnownLabels
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_ATTEMPTS = 20


class AuditFolder:
    """Used by one worker of certify.

    Attributes:
        seen: tasks that were folded so far.
        replies_are_missing: an audit has waited long for its reply. The caller resets this and looks why.

    Args:
        topic_logs: what is folded, by stream.
        on_alarm: answers alarms.
        on_deferral_drift: reports that deferred requests of a version agree less than expected.
        may_answer: whether a version, given after its task, may answer requests.
        known_labels: which labels a version can't know.
        passed_by: which audits a task's teacher has passed by.
        check_topics: raises StateUnavailable where a topic is not the one that was read so far.
        clock: Unix milliseconds, the same for all workers.
    """

    def __init__(
        self,
        tasks: Tasks,
        audits: AuditStore,
        offsets: FoldOffsets,
        topic_logs: Mapping[str, TopicLog],
        event_publisher: EventPublisher,
        on_alarm: OnAlarm,
        on_deferral_drift: OnDeferralDrift,
        may_answer: Callable[[str, str], Awaitable[bool]],
        known_labels: KnownLabels,
        passed_by: PassedBy,
        check_topics: Callable[[], Awaitable[None]],
        clock: Callable[[], int],
    ) -> None:
        self.seen: set[str] = set()
        self.replies_are_missing = False
        self._live_tasks = tasks
        self._audits = audits
        self._offsets = offsets
        self._topic_logs = topic_logs
        self._event_publisher = event_publisher
        self._on_alarm = on_alarm
        self._on_deferral_drift = on_deferral_drift
        self._may_answer = may_answer
        self._known_labels = known_labels
        self._passed_by = passed_by
        self._check_topics = check_topics
        self._clock = clock
        self._statuses: dict[str, dict[str, CertificateStatus]] = {}
        self._unreadable: set[str] = set()

    @property
    def statuses(self) -> Mapping[str, Mapping[str, CertificateStatus]]:
        """The statuses of each task's versions, as they were last found."""
        return self._statuses

    async def fold(
        self,
        task: str,
        observations: Observations,
        versions: Sequence[str] = (),
        *,
        mode: FoldMode = FoldMode.STREAM,
        mark: str = "",
    ) -> None:
        """Fold observations of a task, and act on what follows.

        Args:
            versions: to look at beside those that the observations are of.
            mark: that of the recount which the observations are read for.

        Raises:
            StateUnavailable: Redis is away, has lost counts, or holds some that can't be read.
        """
        self.seen.add(task)
        config = self._live_tasks.task(task).config
        ids = {**dict.fromkeys(versions, ()), **observations.requests}
        for _ in range(_ATTEMPTS):
            now = self._clock()
            late, passed = now - round(config.audit_overdue * 1000), self._passed_by.until(config.teacher)
            known = self._offsets.known
            reading = await self._read(task, ids, late, passed or 0)
            if not await self._may_fold(task, reading, known, mode, mark):
                return
            if await self._reset_if_foreign(task, reading):
                continue
            self.replies_are_missing |= _waits_since(reading.snapshot, now - GRACE)
            snapshot = await self._completed(task, reading.snapshot, ids, config)
            complete = reading.folded.rebuilding is None and not reading.recount
            outcome = step(task, snapshot, observations, config, now, complete=complete, passed=passed)
            if not outcome.changes(reading.snapshot) or await self._audits.write(task, reading, outcome):
                self._note_statuses(task, snapshot, outcome)
                await self._act_on(task, outcome, mode, mark)
                return
        raise StateUnavailable(f"other workers keep changing the audit state: task={task}")

    async def begin_again(self, task: str, error: StateUnreadable) -> StateUnavailable:
        """Delete counts that can't be read; the next look counts the task again. Returns what to raise."""
        log.error("counts are deleted, and read again from the topics: %s", error)
        await self._audits.recounts.discard(task)
        return StateUnavailable("Redis held unreadable audit counts; certify rebuilds them")

    async def _read(self, task: str, ids: Mapping[str, Iterable[str]], late: int, passed: int) -> AuditsRead:
        try:
            return await self._audits.read(task, ids, late, passed)
        except StateUnreadable as error:
            raise await self.begin_again(task, error) from error

    async def _may_fold(
        self, task: str, reading: AuditsRead, known: Mapping[str, int], mode: FoldMode, mark: str
    ) -> bool:
        """Whether to fold into what was read; False where a rebuild leaves the task to its own recount.

        Args:
            known: offsets that Redis must hold, as they were before it was read.

        Raises:
            StateUnavailable: the counts are rebuilt first.
        """
        if reading.recount != mark:
            if mode is FoldMode.REBUILD:
                return False  # it is counted from the start of the topics afterwards
            await self._audits.recounts.note(task)
            raise StateUnavailable("audits of this task are counted again")
        is_whole = (
            self._offsets.holds_claim(reading.folded)
            if mode is FoldMode.REBUILD
            else not FoldOffsets.has_lost(reading.folded, known)
        )
        if not is_whole:
            raise StateUnavailable("Redis has lost audit counts; certify rebuilds them")
        return True

    async def _reset_if_foreign(self, task: str, reading: AuditsRead) -> bool:
        """Delete counts that came from a deleted topic; whether there were any."""
        if not foreign_positions(reading.snapshot.task_state, self._log_names):
            return False
        await self._check_topics()
        log.warning(
            "audit counts came from a deleted topic; counts reset, re-reading topics from the start: task=%s",
            task,
        )
        if await self._audits.reset(task, reading):
            await self._offsets.reset()
        return True

    async def _completed(
        self, task: str, snapshot: Snapshot, versions: Iterable[str], config: Config
    ) -> Snapshot:
        """The snapshot with what is not kept beside the counts."""
        return replace(
            snapshot,
            task_state=adopt_positions(snapshot.task_state, self._log_names),
            new_labels={
                version: await self._known_labels.new_to(task, version, config) for version in versions
            },
            new_to_live=await self._new_to_live(task, config, snapshot),
        )

    @property
    def _log_names(self) -> dict[str, str]:
        return {stream: topic_log.name for stream, topic_log in self._topic_logs.items()}

    def _note_statuses(self, task: str, snapshot: Snapshot, outcome: Step) -> None:
        changed = {version: change.status for version, change in outcome.versions.items()}
        found = {**self._statuses.get(task, {}), **snapshot.statuses, **changed}
        for version in outcome.dropped:
            found.pop(version, None)
        self._statuses[task] = found

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
            await self.fold(task, acted, mode=mode, mark=mark)

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
