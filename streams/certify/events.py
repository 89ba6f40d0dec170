"""Events about certificates, blocked labels and the teacher: the sentence of each, and its details.

Times are Unix milliseconds.
"""

from schemas.config import Config
from schemas.events import (
    CertificateLostDetails,
    CertifiedDetails,
    Event,
    LabelBlockedDetails,
    TeacherChangedDetails,
    TeacherUnsteadyDetails,
)
from schemas.messages import Teacher
from streams.certify.consistency import Consistency
from streams.certify.status import CertificateStatus
from streams.certify.task_state import CurrentTeacher


def certified_event(task: str, version: str, status: CertificateStatus, at: int) -> Event:
    message = (
        f"{task}: {version} is certified: {_counts(status)} prove that the teacher agrees with at least "
        f"{status.bound:.2%} of its answers; the target is {status.target:.1%}"
    )
    details = CertifiedDetails(
        version,
        status.audits,
        status.agreements,
        status.without_reply,
        status.bound,
        status.target,
    )
    return details.event(task, at, message)


def certificate_lost_event(task: str, version: str, status: CertificateStatus, at: int) -> Event:
    message = (
        f"{task}: {version} is no longer certified: {_counts(status)} prove an agreement of only "
        f"{status.bound:.2%}; the target is {status.target:.1%}"
    )
    details = CertificateLostDetails(
        version,
        status.audits,
        status.agreements,
        status.without_reply,
        status.bound,
        status.target,
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


def _counts(status: CertificateStatus) -> str:
    replied = f"{status.agreements} agreements in {status.audits} audits"
    return f"{replied} and {status.without_reply} without a reply" if status.without_reply else replied


def _description(teacher: Teacher) -> str:
    model = teacher.model or "a model without a name"
    return f"{model} with prompt {teacher.prompt[:12]}" if teacher.prompt else model
