"""Events about certificates, blocked labels and the teacher: the sentence of each, and its details.

Times are Unix milliseconds.
"""

from datetime import UTC, datetime

from models.proven_share import at_least
from schemas.config import Config
from schemas.events import (
    AuditsFailedDetails,
    CertificateLostDetails,
    CertifiedDetails,
    Event,
    LabelBlockedDetails,
    LabelsChangedDetails,
    ServiceCertificateLostDetails,
    ServiceCertifiedDetails,
    TeacherChangedDetails,
    TeacherUnsteadyDetails,
)
from schemas.messages import Teacher
from streams.certify.consistency import Consistency
from streams.certify.status import CertificateStatus
from streams.certify.task_state import AnnouncedLabels, CurrentTeacher
from streams.label_set import LabelSet

_WEIGHTED = ", each weighted with the audit rate at its time"


def certified_event(task: str, version: str, status: CertificateStatus, at: int) -> Event:
    message = (
        f"{task}: {version} is certified: {_counts(status)} prove that the teacher agrees with at least "
        f"{at_least(status.bound, 2)} of its answers{_until(status)}{_WEIGHTED}; "
        f"the target is {status.target:.1%}"
    )
    return CertifiedDetails(version, *_figures(status)).event(task, at, message)


def certificate_lost_event(task: str, version: str, status: CertificateStatus, at: int) -> Event:
    message = f"{task}: {version} is no longer certified: {_why_lost(status)}"
    return CertificateLostDetails(version, *_figures(status)).event(task, at, message)


def service_certified_event(task: str, status: CertificateStatus, at: int) -> Event:
    message = (
        f"{task}: the service is certified, all versions together: {_counts(status)} prove that the teacher "
        f"agrees with at least {at_least(status.bound, 2)} of all answers{_until(status)}{_WEIGHTED}; "
        f"the target is {status.target:.1%}"
    )
    return ServiceCertifiedDetails(*_figures(status)).event(task, at, message)


def service_certificate_lost_event(task: str, status: CertificateStatus, at: int) -> Event:
    message = f"{task}: the service is no longer certified, all versions together: {_why_lost(status)}"
    return ServiceCertificateLostDetails(*_figures(status)).event(task, at, message)


def audits_failed_event(task: str, version: str, status: CertificateStatus, error: str, at: int) -> Event:
    """The teacher has failed on audits of a version."""
    details = AuditsFailedDetails(version, status.failed, status.asked, error)
    message = (
        f"{task}: failed audits of {version}: {status.failed:,} of {status.asked:,}; they count against the "
        f"claim, and are no disagreements; the newest: {error or 'no reason is given'}"
    )
    return details.event(task, at, message)


def label_blocked_event(task: str, blocked: LabelBlockedDetails, at: int) -> Event:
    counts = f"{blocked.label_agreements} of {blocked.label_audits} audits with this label agree"
    if blocked.cause == "alarm":
        why = f"it explains the alarm: {counts}, and the other labels agree as often as the target asks"
    else:
        why = f"{counts}, which proves less than the floor of {blocked.floor:.0%}"
    message = f"{task}: {blocked.version} no longer answers with `{blocked.label}`: {why}"
    return blocked.event(task, at, message)


def teacher_changed_event(task: str, before: Teacher, now: CurrentTeacher, at: int) -> Event:
    what = "model" if before.model != now.teacher.model else "prompt"
    message = (
        f"{task}: the teacher's {what} has changed from {_description(before)} to "
        f"{_description(now.teacher)}: certificates under the old teacher say nothing about the new one, "
        "so new certificates begin"
    )
    details = TeacherChangedDetails(
        model=now.teacher.model,
        prompt=now.teacher.prompt,
        since=now.since,
        model_before=before.model,
        prompt_before=before.prompt,
    )
    return details.event(task, at, message)


def labels_changed_event(
    task: str,
    before: AnnouncedLabels,
    labels: LabelSet,
    new_to_live: tuple[str, ...],
    config: Config,
    at: int,
) -> Event:
    """What has changed since labels were announced last.

    Args:
        new_to_live: labels that the live version can't know.
    """
    names_before = [labels.current(label) for label in before.names]
    added = tuple(label for label in labels.names if names_before and label not in names_before)
    removed = tuple(label for label in names_before if labels.names and label not in labels.names)
    renamed = {old: new for old, new in labels.renamed.items() if before.renamed.get(old) != new}
    waits = "everything is deferred" if config.label_added == "defer" else "more requests are audited"
    parts = []
    if renamed:
        names = ", ".join(f"`{old}` to `{new}`" for old, new in renamed.items())
        parts.append(f"{names} renamed: traces, policy and certificate are kept")
    if removed:
        parts.append(f"{_names(removed)} removed: not answered any more")
    if added:
        parts.append(f"{_names(added)} added")
    if new_to_live:
        parts.append(
            f"the live version can't know {_names(new_to_live)}, so nothing is certified and {waits} until a "
            "refit has seen what is new"
        )
    message = f"{task}: the teacher's labels have changed: {'; '.join(parts) or 'any label is allowed now'}"
    details = LabelsChangedDetails(added, removed, renamed, config.label_added)
    return details.event(task, at, message)


def teacher_unsteady_event(task: str, consistency: Consistency, config: Config, at: int) -> Event:
    ceiling, asked = consistency.ceiling(config.delta), consistency.asked
    message = (
        f"{task}: the teacher contradicts itself: asked the same question twice, it gave two labels in "
        f"{asked - consistency.same} of {asked} cases. A surrogate that answers everything can reach an "
        f"agreement of at most {ceiling:.2%}, and the target is {config.target_agreement:.2%}, so some "
        "requests will always be deferred; a clearer prompt or a lower target would help"
    )
    details = TeacherUnsteadyDetails(asked, consistency.same, ceiling, config.target_agreement)
    return details.event(task, at, message)


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _figures(
    status: CertificateStatus,
) -> tuple[int, int, int, float, float, int, int, str | None]:
    """What the details of all certificate events begin or end with."""
    return (
        status.proven_audits,
        status.proven_agreements,
        status.unanswered,
        status.bound,
        status.target,
        status.until,
        status.failed,
        status.suspended or None,
    )


def _why_lost(status: CertificateStatus) -> str:
    if status.new_labels:
        return f"{_names(status.new_labels)} can't be known to it until a refit has learned what is new"
    if status.suspended:
        return (
            f"certificate suspended: {status.suspended}; the labels so far prove the target, and with these "
            "it may be missed, so the claim comes back with their replies or with enough later ones"
        )
    proven = at_least(status.bound, 2)
    return f"{_counts(status)} prove an agreement of only {proven}; the target is {status.target:.1%}"


def _counts(status: CertificateStatus) -> str:
    replied = f"{status.proven_agreements} agreements in {status.proven_audits} audits"
    return f"{replied} and {status.unanswered} without a label" if status.unanswered else replied


def _until(status: CertificateStatus) -> str:
    if not status.until:
        return ""
    return f" until {datetime.fromtimestamp(status.until / 1000, UTC).isoformat(timespec='seconds')}"


def _description(teacher: Teacher) -> str:
    model = teacher.model or "a model without a name"
    return f"{model} with prompt {teacher.prompt[:12]}" if teacher.prompt else model
