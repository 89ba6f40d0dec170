"""What is told of certificates. Times are Unix milliseconds."""

from schemas.config import Config
from schemas.messages import Event, EventKind, Teacher
from streams.certify.consistency import Consistency
from streams.certify.evidence import Counts
from streams.certify.status import CertificateStatus
from streams.certify.task_state import CurrentTeacher


def certified_event(task: str, version: str, finding: CertificateStatus, at: int) -> Event:
    message = (
        f"{task}: {version} is certified: {_counts(finding)} prove that the teacher agrees with at least "
        f"{finding.bound:.2%} of its answers; promised are {finding.target:.1%}"
    )
    return Event(EventKind.CERTIFIED, task, at, message, _details(version, finding))


def certificate_lost_event(task: str, version: str, finding: CertificateStatus, at: int) -> Event:
    message = (
        f"{task}: {version} is no longer certified: {_counts(finding)} prove {finding.bound:.2%}, "
        f"and {finding.target:.1%} are promised"
    )
    return Event(EventKind.CERTIFICATE_LOST, task, at, message, _details(version, finding))


def label_blocked_event(
    task: str, version: str, label: str, counts: Counts, config: Config, at: int
) -> Event:
    message = (
        f"{task}: {version} no longer answers {label}: the teacher agrees with {counts.agreements} of "
        f"{counts.audits} such answers, which proves less than the floor of {config.label_floor:.0%}"
    )
    details = {
        "version": version,
        "label": label,
        "audits": counts.audits,
        "agreements": counts.agreements,
        "floor": config.label_floor,
    }
    return Event(EventKind.LABEL_BLOCKED, task, at, message, details)


def teacher_changed_event(task: str, before: Teacher, now: CurrentTeacher, at: int) -> Event:
    what = "model" if before.model != now.teacher.model else "prompt"
    message = (
        f"{task}: the teacher's {what} has changed ({_named(before)} before, {_named(now.teacher)} now): "
        "what was certified under the one before says nothing of it, and new certificates begin"
    )
    details = {
        "model": now.teacher.model,
        "prompt": now.teacher.prompt,
        "since": now.since,
        "model_before": before.model,
        "prompt_before": before.prompt,
    }
    return Event(EventKind.TEACHER_CHANGED, task, at, message, details)


def teacher_unsteady_event(task: str, found: Consistency, config: Config, at: int) -> Event:
    ceiling = found.ceiling(config.delta)
    message = (
        f"{task}: asked the same twice, the teacher gave two labels in {found.asked - found.same} of "
        f"{found.asked} cases: a surrogate that answered everything could agree with {ceiling:.2%} at most, "
        f"and {config.target_agreement:.2%} are promised, so not everything can be answered; a clearer "
        "prompt would help, or a lower target"
    )
    details = {
        "asked": found.asked,
        "same": found.same,
        "ceiling": ceiling,
        "target": config.target_agreement,
    }
    return Event(EventKind.TEACHER_UNSTEADY, task, at, message, details)


def _counts(finding: CertificateStatus) -> str:
    told = f"{finding.agreements} agreements in {finding.audits} audits"
    silent = finding.overdue + finding.lost
    return f"{told} and {silent} without a reply" if silent else told


def _details(version: str, finding: CertificateStatus) -> dict[str, object]:
    return {
        "version": version,
        "audits": finding.audits,
        "agreements": finding.agreements,
        "overdue": finding.overdue + finding.lost,
        "bound": finding.bound,
        "target": finding.target,
    }


def _named(teacher: Teacher) -> str:
    model = teacher.model or "a model without a name"
    return f"{model} with prompt {teacher.prompt[:12]}" if teacher.prompt else model
