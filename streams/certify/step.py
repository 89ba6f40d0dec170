"""One turn of certify for one task: from what is held and what is new to what is held then, and what is told.

Pure: `streams.state.audits` reads what is held, and writes what follows from it all at once or not at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from schemas.config import Config
from schemas.events import Event, LabelBlockedDetails
from streams.certify.consistency import Consistency
from streams.certify.events import (
    certificate_lost_event,
    certified_event,
    label_blocked_event,
    teacher_changed_event,
    teacher_unsteady_event,
)
from streams.certify.evidence import AlarmEvidence
from streams.certify.observations import AlarmAnswered, Observations, TraceSeen
from streams.certify.pending_audits import PendingAudits, PendingUpdate, update_pending
from streams.certify.status import CertificateStatus, certificate_status, refuted_labels
from streams.certify.task_state import (
    CurrentTeacher,
    TaskState,
    advanced,
    name,
    only_new,
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

_SETTLED = 60_000
"""Milliseconds between two tellings of a change of teacher: two may take turns while one is replaced."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Redis holds of a task, of some of its versions, under one revision."""

    record: TaskState = field(default_factory=TaskState)
    ledgers: Mapping[str, VersionState] = field(default_factory=dict)
    findings: Mapping[str, CertificateStatus] = field(default_factory=dict)
    awaited: Mapping[str, PendingAudits] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What becomes of one version.

    Attributes:
        blocked: labels that are blocked from now on.
    """

    ledger: VersionState
    noted: PendingUpdate
    finding: CertificateStatus
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Attributes:
    versions: those of which something changes.
    dropped: whose ledgers are over the limit.
    teacher: to be shown as the one that answers now, where that changes; and its `steadiness` likewise.
    alarms: of each version that has raised some which nobody has answered: how many it has raised so far.
    announced: routing depends on something that changes.
    """

    record: TaskState
    versions: Mapping[str, VersionChange]
    dropped: tuple[str, ...] = ()
    teacher: CurrentTeacher | None = None
    steadiness: Consistency | None = None
    events: tuple[Event, ...] = ()
    alarms: Mapping[str, tuple[int, AlarmEvidence]] = field(default_factory=dict)
    announced: bool = False

    def changes(self, held: Snapshot) -> bool:
        """Whether anything is to be written."""
        return bool(self.versions) or self.record != held.record


def step(task: str, held: Snapshot, news: Observations, config: Config, now: int, *, complete: bool) -> Step:
    """What follows from the news, and from the time and the config, which may have changed without any.

    Args:
        held: with all versions that the news are of, or that are looked at.
        now: Unix milliseconds.
        complete: nothing that should be counted is missing; until then nothing is claimed, and no event told.
    """
    news = only_new(news, held.record)
    record, dropped = with_versions(advanced(held.record, news), sorted(news.versions))
    record = with_repeats(with_teacher(record, news.answered, now), news.answered)
    late = now - round(config.audit_overdue * 1000)
    before = _silenced(held, now, config) if complete else held.ledgers
    record, ledgers = _audited(record, before, held.awaited, news.answered, late, config)
    versions: dict[str, VersionChange] = {}
    alarms: dict[str, tuple[int, AlarmEvidence]] = {}
    events: list[Event] = []
    for version in sorted(news.versions | ledgers.keys()):
        note = _noted(version, held, news, now, late)
        ledger = _acknowledged(note.ledger(ledgers.get(version, VersionState())), news.handled.get(version))
        if record.teacher in ledger.tallies:
            record, ledger = _tallied(record, ledger, record.teacher, lowest_rate(config))
        outcome, told = _concluded(task, version, ledger, note, record, config, now, complete=complete)
        events += told
        if (raised := _unanswered(outcome.ledger, outcome.finding)) is not None:
            alarms[version] = raised
        if _differs(outcome, version, held):
            versions[version] = outcome
    record, teacher, told = _introducing(task, record, now)
    events += told
    if complete:
        record, told = _explaining(task, record, config, now)
        events += told
    steadiness = record.steadiness if record.steadiness != held.record.steadiness else None
    announced = any(_matters(outcome, held.findings.get(version)) for version, outcome in versions.items())
    return Step(record, versions, dropped, teacher, steadiness, tuple(events), alarms, announced)


def _concluded(
    task: str,
    version: str,
    ledger: VersionState,
    note: PendingUpdate,
    record: TaskState,
    config: Config,
    now: int,
    *,
    complete: bool,
) -> tuple[VersionChange, list[Event]]:
    """What the counts of a version say by now, and what is told of it."""
    finding = certificate_status(ledger, record.teacher, note.after, config, complete=complete, now=now)
    ledger, labels = _blocking(ledger, record.teacher, config)
    events = [
        label_blocked_event(task, _blocked_details(version, label, finding, config), now) for label in labels
    ]
    if complete:
        ledger, told = _claiming(task, version, ledger, record, finding, now)
        events += told
    return VersionChange(ledger, note, finding, tuple(labels)), events


def _silenced(held: Snapshot, now: int, config: Config) -> dict[str, VersionState]:
    """The ledgers once the alarms have taken what is overdue."""
    return {
        version: with_overdue(ledger, held.awaited.get(version, PendingAudits()).overdue, now, config)
        for version, ledger in held.ledgers.items()
    }


def _noted(version: str, held: Snapshot, news: Observations, now: int, late: int) -> PendingUpdate:
    """What the version waits for, with what is new."""
    return update_pending(
        held.awaited.get(version, PendingAudits()),
        [one for one in news.asked if one.version == version],
        [one.audit for one in news.answered if one.version == version and one.audit is not None],
        held.ledgers.get(version, VersionState()).horizon,
        now,
        late,
    )


def _audited(
    record: TaskState,
    before: Mapping[str, VersionState],
    awaited: Mapping[str, PendingAudits],
    answered: Iterable[TraceSeen],
    late: int,
    config: Config,
) -> tuple[TaskState, dict[str, VersionState]]:
    """The ledgers with the audits, one after the other; of one request a version's first answer counts.

    Requests of one id are audited all or none. Counted each time, they would not be the uniform sample that
    a certificate rests on.
    """
    ledgers, lowest, counted_now = dict(before), lowest_rate(config), set[tuple[str, str]]()
    for one in answered:
        audit, version, teacher = one.audit, one.version, name(one.teacher)
        if audit is None or version is None:
            continue
        known = awaited.get(version, PendingAudits()).scores.get(audit.request, 0.0)
        if known < 0.0 or (version, audit.request) in counted_now:
            continue
        counted_now.add((version, audit.request))
        rate = lowest if audit.rate is None else min(lowest, audit.rate)
        record, ledger = _tallied(record, ledgers.get(version, VersionState()), teacher, rate)
        ledger = ledger.with_tally(teacher, with_audit(ledger.tallies[teacher], audit))
        ledgers[version] = with_reply(ledger, audit, config, overdue=0.0 < known <= late)
    return record, ledgers


def _tallied(
    record: TaskState, ledger: VersionState, teacher: str, rate: float
) -> tuple[TaskState, VersionState]:
    """With a tally of the teacher that suits the audit rate: a new one gets the task's next number."""
    tally = ledger.tallies.get(teacher)
    if tally is not None and rate_is_compatible(tally, rate):
        return record, ledger
    if tally is not None and tally.audits == 0:
        return record, ledger.with_tally(teacher, replace(tally, rate=rate))
    record = replace(record, certificates=record.certificates + 1)
    blocked_before = tally.blocked if tally else ()
    new = CertificateCounts(record.certificates, rate, blocked=blocked_before)
    return record, ledger.with_tally(teacher, new)


def _acknowledged(ledger: VersionState, handled: AlarmAnswered | None) -> VersionState:
    if handled is None or handled.alarms <= ledger.handled:
        return ledger
    excused = ledger.excused + (handled.alarms - ledger.handled if handled.excused else 0)
    return replace(ledger, handled=handled.alarms, excused=excused)


def _blocking(ledger: VersionState, teacher: str, config: Config) -> tuple[VersionState, list[str]]:
    tally = ledger.tallies.get(teacher)
    labels = refuted_labels(tally, config) if tally else []
    if tally is None or not labels:
        return ledger, []
    return ledger.with_tally(teacher, replace(tally, blocked=(*tally.blocked, *labels))), labels


def _blocked_details(
    version: str, label: str, finding: CertificateStatus, config: Config
) -> LabelBlockedDetails:
    counts = finding.labels[label]
    return LabelBlockedDetails(
        version=version,
        label=label,
        cause="floor",
        label_audits=counts.audits,
        label_agreements=counts.agreements,
        version_audits=finding.audits,
        version_agreements=finding.agreements,
        floor=config.label_floor,
    )


def _claiming(
    task: str, version: str, ledger: VersionState, record: TaskState, finding: CertificateStatus, now: int
) -> tuple[VersionState, list[Event]]:
    """Tell when the claim can be made for the first time, or no longer."""
    tally = ledger.tallies.get(record.teacher)
    if tally is None or tally.certified == finding.certified:
        return ledger, []
    tell = certified_event if finding.certified else certificate_lost_event
    by_replies = not finding.certified and finding.overdue + finding.lost == 0
    lost = finding.target if by_replies else tally.lost
    ledger = ledger.with_tally(record.teacher, replace(tally, certified=finding.certified, lost=lost))
    return ledger, [tell(task, version, finding, now)]


def _unanswered(ledger: VersionState, finding: CertificateStatus) -> tuple[int, AlarmEvidence] | None:
    """How many alarms were raised, and why the newest was, if nobody has answered that one."""
    suspicion = ledger.suspicion
    if suspicion.raised <= ledger.handled:
        return None
    last = suspicion.last
    return suspicion.raised, AlarmEvidence(finding.target, finding.certificate, last.since, last.labels)


def _differs(outcome: VersionChange, version: str, held: Snapshot) -> bool:
    return (
        bool(outcome.noted.scores)
        or outcome.ledger != held.ledgers.get(version)
        or not outcome.finding.says_the_same(held.findings.get(version))
    )


def _matters(outcome: VersionChange, before: CertificateStatus | None) -> bool:
    was_certified = before is not None and before.certified
    return bool(outcome.blocked) or outcome.finding.certified != was_certified


def _introducing(
    task: str, record: TaskState, now: int
) -> tuple[TaskState, CurrentTeacher | None, list[Event]]:
    """Tell who the teacher is, when that has changed."""
    current = record.answering
    if current is None or current.teacher == current.told:
        return record, None, []
    if 0 <= now - current.told_at < _SETTLED:
        return record, None, []
    told = replace(current, told=current.teacher)
    if current.told is None:
        return replace(record, answering=told), told, []
    told = replace(told, told_at=now)
    return replace(record, answering=told), told, [teacher_changed_event(task, current.told, told, now)]


def _explaining(task: str, record: TaskState, config: Config, now: int) -> tuple[TaskState, list[Event]]:
    """Tell when the teacher turns out to contradict itself so often that the target is out of reach."""
    found = record.steadiness
    if found.told == config.target_agreement or not found.puts_out_of_reach(config):
        return record, []
    told = {**record.consistency, record.teacher: replace(found, told=config.target_agreement)}
    return replace(record, consistency=told), [teacher_unsteady_event(task, found, config, now)]
