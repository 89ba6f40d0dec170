"""Announcements of certify: events, each with the state that remembers it, so that it is emitted once.

Labels blocked by the floor, failed audits, certificates gained and lost, a change of teacher or of its
labels, a teacher that contradicts itself. Times are Unix milliseconds.
"""

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from schemas.config import Config
from schemas.events import Event, LabelBlockedDetails
from streams.certify.claim import refuted_labels
from streams.certify.events import (
    audits_failed_event,
    certificate_lost_event,
    certified_event,
    label_blocked_event,
    labels_changed_event,
    service_certificate_lost_event,
    service_certified_event,
    teacher_changed_event,
    teacher_unsteady_event,
)
from streams.certify.observations import AuditFailed
from streams.certify.service_state import ServiceCounts, ServiceState
from streams.certify.status import CertificateStatus
from streams.certify.task_state import AnnouncedLabels, CurrentTeacher, TaskState
from streams.certify.version_state import CertificateCounts, VersionState
from streams.label_set import LabelSet

Counts = TypeVar("Counts", CertificateCounts, ServiceCounts)

_SETTLED = 60_000
"""Milliseconds between two events about a change of teacher or labels: two may take turns for a while."""


def block_labels(version_state: VersionState, teacher: str, config: Config) -> tuple[VersionState, list[str]]:
    """Blocks the labels that their own audits prove to be below the floor; returns the new ones."""
    counts = version_state.certificates.get(teacher)
    labels = refuted_labels(counts, config) if counts else []
    if counts is None or not labels:
        return version_state, []
    after = replace(counts, blocked=(*counts.blocked, *labels))
    return version_state.with_certificate(teacher, after), labels


def floor_event(
    task: str, version: str, label: str, status: CertificateStatus, config: Config, now: int
) -> Event:
    """A label was blocked, since its audits prove less than the floor."""
    counts = status.labels[label]
    details = LabelBlockedDetails(
        version=version,
        label=label,
        cause="floor",
        label_audits=counts.audits,
        label_agreements=counts.agreements,
        version_audits=status.audits,
        version_agreements=status.agreements,
        floor=config.label_floor,
    )
    return label_blocked_event(task, details, now)


def announce_certificate(
    task: str, version: str, version_state: VersionState, teacher: str, status: CertificateStatus, now: int
) -> tuple[VersionState, list[Event]]:
    """Announces that the version is certified now, or no longer."""
    counts = version_state.certificates.get(teacher)
    if counts is None:
        return version_state, []
    after = _with_status(counts, status)
    if after != counts:
        version_state = version_state.with_certificate(teacher, after)
    if counts.certified == status.certified:
        return version_state, []
    make_event = certified_event if status.certified else certificate_lost_event
    return version_state, [make_event(task, version, status, now)]


def announce_failures(
    task: str,
    version: str,
    version_state: VersionState,
    status: CertificateStatus,
    failed: Sequence[AuditFailed],
    now: int,
) -> tuple[VersionState, list[Event]]:
    """Announces failed audits: the first, the tenth, the hundredth, ...

    Args:
        failed: those that are new; the last one's error is named.
    """
    announced = version_state.failures_announced
    if not failed or status.failed < max(1, 10 * announced):
        return version_state, []
    reached = 10 ** (len(str(status.failed)) - 1)
    event = audits_failed_event(task, version, status, failed[-1].error, now)
    return replace(version_state, failures_announced=reached), [event]


def announce_service(
    task: str, service: ServiceState, teacher: str, status: CertificateStatus, now: int
) -> tuple[ServiceState, list[Event]]:
    """Announces that the service is certified now, all versions together, or no longer."""
    counts = service.counts(teacher)
    after = _with_status(counts, status)
    if after != counts:
        service = service.with_counts(teacher, after)
    if counts.certified == status.certified:
        return service, []
    make_event = service_certified_event if status.certified else service_certificate_lost_event
    return service, [make_event(task, status, now)]


def announce_teacher(
    task: str, task_state: TaskState, now: int
) -> tuple[TaskState, CurrentTeacher | None, list[Event]]:
    """Announces another teacher; a task's first one is remembered without an event.

    Returns:
        The task's state, the teacher where that is another one, and the events.
    """
    current = task_state.current_teacher
    if current is None or current.teacher == current.announced:
        return task_state, None, []
    if 0 <= now - current.announced_at < _SETTLED:
        return task_state, None, []
    before, after = current.announced, replace(current, announced=current.teacher)
    if before is None or current.since == 0:
        return replace(task_state, current_teacher=after), after, []
    after = replace(after, announced_at=now)
    event = teacher_changed_event(task, before, after, now)
    return replace(task_state, current_teacher=after), after, [event]


def announce_labels(
    task: str, task_state: TaskState, config: Config, new_to_live: tuple[str, ...], now: int
) -> tuple[TaskState, list[Event]]:
    """Announces that the teacher's labels have changed; the first ones are remembered without an event.

    Args:
        new_to_live: labels that the live version can't know.
    """
    labels, before = LabelSet.of(config.teacher), task_state.labels
    if before is None:
        return replace(task_state, labels=AnnouncedLabels(labels.names, labels.renamed)), []
    if (before.names, before.renamed) == (labels.names, labels.renamed):
        return task_state, []
    # Two workers may read the config at different times.
    if 0 <= now - before.at < _SETTLED:
        return task_state, []
    after = AnnouncedLabels(labels.names, labels.renamed, now)
    event = labels_changed_event(task, before, labels, new_to_live, config, now)
    return replace(task_state, labels=after), [event]


def announce_inconsistency(
    task: str, task_state: TaskState, config: Config, now: int
) -> tuple[TaskState, list[Event]]:
    """Announces, once for each target, that the teacher contradicts itself too often to reach it."""
    consistency = task_state.current_consistency
    if consistency.announced == config.target_agreement or not consistency.puts_out_of_reach(config):
        return task_state, []
    after = replace(consistency, announced=config.target_agreement)
    consistencies = {**task_state.consistency, task_state.teacher: after}
    event = teacher_unsteady_event(task, consistency, config, now)
    return replace(task_state, consistency=consistencies), [event]


def _with_status(counts: Counts, status: CertificateStatus) -> Counts:
    """The counts once the status is announced. Missing labels or new ones lose it for no target."""
    if status.certified:
        return replace(counts, certified=True, proof=status.proof)
    lost_to_replies = counts.certified and not status.suspended and not status.new_labels
    return replace(counts, certified=False, lost=status.target if lost_to_replies else counts.lost)
