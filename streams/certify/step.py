"""Step of certify for one task: from the snapshot and new observations to what is written and emitted.

Pure: `streams.state.audits` reads the snapshot, and writes the outcome of the step all at once or not at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from schemas.config import Config
from schemas.events import Event
from streams.certify.announcements import (
    announce_certificate,
    announce_inconsistency,
    announce_teacher,
    block_labels,
    floor_event,
)
from streams.certify.consistency import Consistency
from streams.certify.evidence import AlarmEvidence
from streams.certify.observations import AlarmAnswered, AuditReply, Observations, TraceSeen
from streams.certify.pending_audits import PendingAudits, PendingUpdate, update_pending
from streams.certify.status import CertificateStatus, certificate_status
from streams.certify.task_state import (
    CurrentTeacher,
    TaskState,
    advance_positions,
    only_new,
    teacher_name,
    with_repeats,
    with_teacher,
    with_versions,
)
from streams.certify.version_state import (
    CertificateCounts,
    VersionState,
    lowest_rate,
    rate_is_compatible,
    with_audit,
    with_overdue,
    with_reply,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Redis holds of a task, and of some of its versions, under one revision."""

    task_state: TaskState = field(default_factory=TaskState)
    version_states: Mapping[str, VersionState] = field(default_factory=dict)
    statuses: Mapping[str, CertificateStatus] = field(default_factory=dict)
    pending_audits: Mapping[str, PendingAudits] = field(default_factory=dict)

    def version_state(self, version: str) -> VersionState:
        return self.version_states.get(version, VersionState())

    def pending(self, version: str) -> PendingAudits:
        return self.pending_audits.get(version, PendingAudits())


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What changes of one version.

    Attributes:
        blocked: labels that are blocked from now on.
    """

    version_state: VersionState
    pending_update: PendingUpdate
    status: CertificateStatus
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of a step.

    Attributes:
        versions: those of which something changes.
        dropped: versions over the limit, whose state is deleted.
        teacher: to be shown as the one that answers now, where that changes; its `consistency` likewise.
        alarms: for each version with unanswered alarms, how many it has raised so far, and why the newest.
        announced: routing depends on something that changes.
    """

    task_state: TaskState
    versions: Mapping[str, VersionChange]
    dropped: tuple[str, ...] = ()
    teacher: CurrentTeacher | None = None
    consistency: Consistency | None = None
    events: tuple[Event, ...] = ()
    alarms: Mapping[str, tuple[int, AlarmEvidence]] = field(default_factory=dict)
    announced: bool = False

    def changes(self, snapshot: Snapshot) -> bool:
        """Whether anything is to be written."""
        return bool(self.versions) or self.task_state != snapshot.task_state


class _Moment(NamedTuple):
    """What a step is taken under: the config, the time, and whether all counts are complete."""

    task: str
    config: Config
    now: int
    complete: bool

    @property
    def late(self) -> int:
        """Audits that were noted until this time are overdue."""
        return self.now - round(self.config.audit_overdue * 1000)


def step(
    task: str, snapshot: Snapshot, observations: Observations, config: Config, now: int, *, complete: bool
) -> Step:
    """What follows from the observations, and from the time and the config, which change without any.

    Args:
        snapshot: with all versions that the observations name, or that are looked at.
        now: Unix milliseconds.
        complete: no count is missing. Until then no version is certified and no certificate event emitted.
    """
    moment = _Moment(task, config, now, complete)
    new = only_new(observations, snapshot.task_state)
    task_state, dropped = with_versions(advance_positions(snapshot.task_state, new), sorted(new.versions))
    task_state = with_repeats(with_teacher(task_state, new.answered, now), new.answered)
    task_state, version_states = _fold_audits(task_state, snapshot, new.answered, moment)
    versions: dict[str, VersionChange] = {}
    alarms: dict[str, tuple[int, AlarmEvidence]] = {}
    events: list[Event] = []
    for version in sorted(new.versions | version_states.keys()):
        update = _pending_update(version, snapshot, new, moment)
        version_state = update.applied_to(version_states.get(version, VersionState()))
        version_state = _with_answered_alarms(version_state, new.alarms_answered.get(version))
        if task_state.teacher in version_state.certificates:
            task_state, version_state = _with_compatible_certificate(
                task_state, version_state, task_state.teacher, lowest_rate(config)
            )
        change, emitted = _conclude(version, version_state, update, task_state.teacher, moment)
        events += emitted
        if (raised := _unanswered_alarms(change)) is not None:
            alarms[version] = raised
        if _differs(change, version, snapshot):
            versions[version] = change
    task_state, teacher, emitted = announce_teacher(task, task_state, now)
    events += emitted
    if complete:
        task_state, emitted = announce_inconsistency(task, task_state, config, now)
        events += emitted
    return Step(
        task_state,
        versions,
        dropped,
        teacher,
        _changed_consistency(snapshot.task_state, task_state),
        tuple(events),
        alarms,
        any(_affects_routing(change, snapshot.statuses.get(name)) for name, change in versions.items()),
    )


def _fold_audits(
    task_state: TaskState, snapshot: Snapshot, answered: Iterable[TraceSeen], moment: _Moment
) -> tuple[TaskState, dict[str, VersionState]]:
    """The states after the audits, one after the other; of one request a version's first answer counts.

    Requests of one id are audited all or none. Counted each time, they would not be the uniform sample that
    a certificate rests on.
    """
    version_states = _with_overdue_audits(snapshot, moment)
    counted: set[tuple[str, str]] = set()
    for trace in answered:
        audit, version = trace.audit, trace.version
        if audit is None or version is None:
            continue
        noted = snapshot.pending(version).scores.get(audit.request, 0.0)
        if noted < 0.0 or (version, audit.request) in counted:
            continue
        counted.add((version, audit.request))
        task_state, version_state = _count_audit(
            task_state,
            version_states.get(version, VersionState()),
            teacher_name(trace.teacher),
            audit,
            moment.config,
        )
        overdue = 0.0 < noted <= moment.late
        version_states[version] = with_reply(version_state, audit, moment.config, overdue=overdue)
    return task_state, version_states


def _with_overdue_audits(snapshot: Snapshot, moment: _Moment) -> dict[str, VersionState]:
    """The states once the alarms have taken the overdue audits; unchanged while counts are incomplete."""
    if not moment.complete:
        return dict(snapshot.version_states)
    return {
        version: with_overdue(version_state, snapshot.pending(version).overdue, moment.now, moment.config)
        for version, version_state in snapshot.version_states.items()
    }


def _count_audit(
    task_state: TaskState, version_state: VersionState, teacher: str, audit: AuditReply, config: Config
) -> tuple[TaskState, VersionState]:
    """The states with the audit counted for the certificate."""
    lowest = lowest_rate(config)
    rate = lowest if audit.rate is None else min(lowest, audit.rate)
    task_state, version_state = _with_compatible_certificate(task_state, version_state, teacher, rate)
    counts = with_audit(version_state.certificates[teacher], audit)
    return task_state, version_state.with_certificate(teacher, counts)


def _with_compatible_certificate(
    task_state: TaskState, version_state: VersionState, teacher: str, rate: float
) -> tuple[TaskState, VersionState]:
    """The states with a certificate that allows the audit rate; a new one gets the task's next number."""
    counts = version_state.certificates.get(teacher)
    if counts is not None and rate_is_compatible(counts, rate):
        return task_state, version_state
    if counts is not None and counts.audits == 0:
        return task_state, version_state.with_certificate(teacher, replace(counts, rate=rate))
    task_state = replace(task_state, certificates=task_state.certificates + 1)
    blocked_before = counts.blocked if counts else ()
    new = CertificateCounts(task_state.certificates, rate, blocked=blocked_before)
    return task_state, version_state.with_certificate(teacher, new)


def _pending_update(version: str, snapshot: Snapshot, new: Observations, moment: _Moment) -> PendingUpdate:
    return update_pending(
        snapshot.pending(version),
        [audit for audit in new.asked if audit.version == version],
        [trace.audit for trace in new.answered if trace.version == version and trace.audit is not None],
        snapshot.version_state(version).horizon,
        moment.now,
        moment.late,
    )


def _with_answered_alarms(version_state: VersionState, answered: AlarmAnswered | None) -> VersionState:
    if answered is None or answered.alarms <= version_state.answered_alarms:
        return version_state
    newly = answered.alarms - version_state.answered_alarms
    excused = version_state.excused + (newly if answered.excused else 0)
    return replace(version_state, answered_alarms=answered.alarms, excused=excused)


def _conclude(
    version: str, version_state: VersionState, update: PendingUpdate, teacher: str, moment: _Moment
) -> tuple[VersionChange, list[Event]]:
    """What the counts of a version say now, and the events of it."""
    task, config, now, complete = moment
    status = certificate_status(version_state, teacher, update.after, config, complete=complete, now=now)
    version_state, labels = block_labels(version_state, teacher, config)
    events = [floor_event(task, version, label, status, config, now) for label in labels]
    if complete:
        version_state, emitted = announce_certificate(task, version, version_state, teacher, status, now)
        events += emitted
    return VersionChange(version_state, update, status, tuple(labels)), events


def _unanswered_alarms(change: VersionChange) -> tuple[int, AlarmEvidence] | None:
    """How many alarms were raised, and why the newest, unless all of them were answered."""
    alarm_state, status = change.version_state.alarm_state, change.status
    if alarm_state.raised <= change.version_state.answered_alarms:
        return None
    last = alarm_state.last
    return alarm_state.raised, AlarmEvidence(status.target, status.certificate, last.since, last.labels)


def _differs(change: VersionChange, version: str, snapshot: Snapshot) -> bool:
    return (
        bool(change.pending_update.scores)
        or change.version_state != snapshot.version_states.get(version)
        or not change.status.says_the_same(snapshot.statuses.get(version))
    )


def _affects_routing(change: VersionChange, before: CertificateStatus | None) -> bool:
    was_certified = before is not None and before.certified
    return bool(change.blocked) or change.status.certified != was_certified


def _changed_consistency(before: TaskState, after: TaskState) -> Consistency | None:
    return after.current_consistency if after.current_consistency != before.current_consistency else None
