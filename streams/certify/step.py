"""Step of certify for one task: from the snapshot and new observations to what is written and emitted.

Pure: `streams.state.audits` reads the snapshot, and writes the outcome of the step all at once or not at all.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from schemas.config import Config
from schemas.events import Event
from streams.certify.announcements import (
    announce_certificate,
    announce_failures,
    announce_inconsistency,
    announce_labels,
    announce_service,
    announce_teacher,
    block_labels,
    floor_event,
)
from streams.certify.claim import certificate_status, service_status
from streams.certify.consistency import Consistency
from streams.certify.deferral_state import DeferralState
from streams.certify.evidence import AlarmEvidence
from streams.certify.fold import AuditFold
from streams.certify.history import HistoryUpdate, certificate_point, extend_history
from streams.certify.label_names import with_current_names
from streams.certify.observations import Observations
from streams.certify.pending_audits import PendingUpdate, update_pending
from streams.certify.service_state import ServiceState
from streams.certify.snapshot import Moment, Snapshot
from streams.certify.status import CertificateStatus
from streams.certify.task_state import (
    CurrentTeacher,
    TaskState,
    advance_positions,
    only_new,
    with_repeats,
    with_teacher,
    with_versions,
)
from streams.certify.version_state import VersionState, with_alarms_answered, with_outcomes_taken
from streams.label_set import LabelSet


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What changes of one version.

    Attributes:
        blocked: labels that are blocked from now on.
        history: what is written of the certificate's history.
    """

    version_state: VersionState
    pending_update: PendingUpdate
    status: CertificateStatus
    blocked: tuple[str, ...] = ()
    history: HistoryUpdate = field(default_factory=HistoryUpdate)


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of a step.

    Attributes:
        versions: those of which something changes.
        dropped: versions over the limit, whose state is deleted.
        teacher: to be shown as the one that answers now, where that changes; its `consistency` likewise.
        service: status of the service's certificate, where that changes.
        alarms: for each version with unanswered alarms, how many it has raised so far, and why the newest.
        deferral_drifts: versions whose deferrals agree less than expected, where that is not reported yet.
        announced: routing depends on something that changes.
    """

    task_state: TaskState
    versions: Mapping[str, VersionChange]
    dropped: tuple[str, ...] = ()
    teacher: CurrentTeacher | None = None
    consistency: Consistency | None = None
    service: CertificateStatus | None = None
    events: tuple[Event, ...] = ()
    alarms: Mapping[str, tuple[int, AlarmEvidence]] = field(default_factory=dict)
    deferral_drifts: Mapping[str, DeferralState] = field(default_factory=dict)
    announced: bool = False

    def changes(self, snapshot: Snapshot) -> bool:
        """Whether anything is to be written."""
        return bool(self.versions) or self.service is not None or self.task_state != snapshot.task_state


def step(
    task: str,
    snapshot: Snapshot,
    observations: Observations,
    config: Config,
    now: int,
    *,
    complete: bool,
    passed: int | None = None,
) -> Step:
    """What follows from the observations, and from the time and the config, which change without any.

    Args:
        snapshot: with all versions that the observations name, or that are looked at.
        now: Unix milliseconds.
        complete: no count is missing. Until then no version is certified and no certificate event emitted.
        passed: see `Moment`; the snapshot's pending audits are counted up to then.
    """
    moment = Moment(task, config, now, complete, passed)
    snapshot = _with_current_names(snapshot, LabelSet.of(config.teacher))
    new = only_new(observations, snapshot.task_state)
    task_state, dropped = with_versions(advance_positions(snapshot.task_state, new), sorted(new.versions))
    fold = AuditFold(
        with_repeats(with_teacher(task_state, new.answered, now), new.answered), snapshot, moment
    )
    fold.ask(new.asked)
    fold.fail(new.failed)
    fold.reply(new.answered)
    fold.count_waiting()
    task_state, version_states = fold.task_state, fold.version_states
    versions: dict[str, VersionChange] = {}
    alarms: dict[str, tuple[int, AlarmEvidence]] = {}
    deferral_drifts: dict[str, DeferralState] = {}
    events: list[Event] = []
    for version in sorted(new.versions | version_states.keys()):
        update = _pending_update(version, snapshot, new, moment)
        version_state = update.applied_to(version_states.get(version, VersionState()))
        if (answered := new.alarms_answered.get(version)) is not None:
            version_state = with_alarms_answered(version_state, answered)
        version_state = with_outcomes_taken(version_state, now, config)
        if config.deferral_drift:
            version_state = _with_deferrals(version, version_state, new)
        change, emitted = _conclude(version, version_state, update, new, task_state.teacher, snapshot, moment)
        events += emitted
        if (raised := _unanswered_alarms(change)) is not None:
            alarms[version] = raised
        if config.deferral_drift and version_state.deferrals.is_unreported:
            deferral_drifts[version] = version_state.deferrals
        if _differs(change, version, snapshot):
            versions[version] = change
    task_state, service, emitted = _conclude_service(task_state, snapshot, moment)
    events += emitted
    task_state, teacher, emitted = announce_teacher(task, task_state, now)
    events += emitted
    task_state, emitted = announce_labels(task, task_state, config, snapshot.new_to_live, now)
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
        service,
        tuple(events),
        alarms,
        deferral_drifts,
        any(_affects_routing(change, snapshot.statuses.get(name)) for name, change in versions.items()),
    )


def _with_current_names(snapshot: Snapshot, labels: LabelSet) -> Snapshot:
    version_states = {
        version: with_current_names(version_state, labels)
        for version, version_state in snapshot.version_states.items()
    }
    return dataclasses.replace(snapshot, version_states=version_states)


def _pending_update(version: str, snapshot: Snapshot, new: Observations, moment: Moment) -> PendingUpdate:
    return update_pending(
        snapshot.pending(version),
        [audit for audit in new.asked if audit.version == version],
        [audit for audit in new.failed if audit.version == version],
        [trace.audit for trace in new.answered if trace.version == version and trace.audit is not None],
        snapshot.version_state(version).horizon,
        moment.now,
        moment.late,
    )


def _with_deferrals(version: str, version_state: VersionState, new: Observations) -> VersionState:
    """The state with the deferred guesses of this version that the teacher has labelled."""
    own = [trace for trace in new.answered if trace.version == version]
    guesses = [trace.deferred for trace in own if trace.deferred is not None]
    audits = sum(trace.audit is not None for trace in own)
    deferrals = version_state.deferrals.after(guesses, audits)
    if version in new.deferrals_reported:
        deferrals = replace(deferrals, reported=True)
    return replace(version_state, deferrals=deferrals)


def _conclude(
    version: str,
    version_state: VersionState,
    update: PendingUpdate,
    new: Observations,
    teacher: str,
    snapshot: Snapshot,
    moment: Moment,
) -> tuple[VersionChange, list[Event]]:
    """What the counts of a version say now, and the events of it."""
    task, config, now, complete = moment.task, moment.config, moment.now, moment.complete
    status = certificate_status(version_state, teacher, update.after, config, complete=complete, now=now)
    status = status.suspended_by(snapshot.new_labels.get(version, ()))
    version_state, labels = block_labels(version_state, teacher, config)
    history = HistoryUpdate()
    events = [floor_event(task, version, label, status, config, now) for label in labels]
    if complete:
        version_state, emitted = announce_certificate(task, version, version_state, teacher, status, now)
        events += emitted
        failed = [audit for audit in new.failed if audit.version == version]
        version_state, emitted = announce_failures(task, version, version_state, status, failed, now)
        events += emitted
        version_state, history = _extend_history(version, version_state, teacher, status, snapshot)
    return VersionChange(version_state, update, status, tuple(labels), history), events


def _extend_history(
    version: str, version_state: VersionState, teacher: str, status: CertificateStatus, snapshot: Snapshot
) -> tuple[VersionState, HistoryUpdate]:
    """The state with the point of now in its history, and what is written of it."""
    before, counts = version_state.history, version_state.certificates.get(teacher)
    raised = version_state.alarm_state.raised > snapshot.version_state(version).alarm_state.raised
    # An earlier release may have certified the version, and left no point of it.
    certified_before = counts is not None and counts.proof is not None
    point = certificate_point(
        version,
        status,
        before.newest,
        certified_before=certified_before,
        alarm_raised=raised,
        certificate=counts.number if counts else 0,
    )
    history, update = extend_history(before, point, snapshot.points.get(version, ()))
    return (version_state if history is before else replace(version_state, history=history)), update


def _conclude_service(
    task_state: TaskState, snapshot: Snapshot, moment: Moment
) -> tuple[TaskState, CertificateStatus | None, list[Event]]:
    """What the counts of all versions say now: the status where that changes, and the events of it."""
    service, teacher = task_state.service or ServiceState(), task_state.teacher
    status = service_status(service, teacher, moment.config, complete=moment.complete, now=moment.now)
    status = status.suspended_by(snapshot.new_to_live)
    events: list[Event] = []
    if moment.complete:
        service, events = announce_service(moment.task, service, teacher, status, moment.now)
    changed = None if status.says_the_same(snapshot.service_status) else status
    return replace(task_state, service=service), changed, events


def _unanswered_alarms(change: VersionChange) -> tuple[int, AlarmEvidence] | None:
    """How many alarms were raised, and why the newest, unless all of them were answered."""
    alarm_state, status = change.version_state.alarm_state, change.status
    if alarm_state.raised <= change.version_state.answered_alarms:
        return None
    last = alarm_state.last
    evidence = AlarmEvidence(
        status.target, status.certificate, last.since, last.labels, last.audits, last.unanswered
    )
    return alarm_state.raised, evidence


def _differs(change: VersionChange, version: str, snapshot: Snapshot) -> bool:
    return (
        bool(change.pending_update.scores)
        or change.version_state != snapshot.version_states.get(version)
        or not change.status.says_the_same(snapshot.statuses.get(version))
    )


def _affects_routing(change: VersionChange, before: CertificateStatus | None) -> bool:
    was_certified, was_drifting = (False, False) if before is None else (before.certified, before.drifting)
    changed = change.status.certified != was_certified or change.status.drifting != was_drifting
    return bool(change.blocked) or changed


def _changed_consistency(before: TaskState, after: TaskState) -> Consistency | None:
    return after.current_consistency if after.current_consistency != before.current_consistency else None
