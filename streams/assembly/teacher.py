"""The teacher role: asks the LLM about deferrals."""

from streams.assembly.parts import CloseService, WorkerParts
from streams.roles import teacher
from streams.teacher.client import TeacherClient


def add(parts: WorkerParts) -> None:
    """Add the role's agent and services to the worker."""
    settings, client = parts.settings, TeacherClient()
    parts.services.append(CloseService(client))
    role = teacher.TeacherRole(parts.tasks, settings.topics, client)
    lanes = {teacher.STAGE: settings.topics.deferrals}
    if settings.audit_lane:
        lanes[teacher.AUDITS_STAGE] = settings.topics.audits
    for stage, topic in lanes.items():
        # A batch may take long: none waits in a transaction that another one has opened.
        channel = parts.source(
            stage, topic, batch=min(teacher.MAX_BATCH, settings.batch), commit_interval=0.0
        )
        teacher.install(parts.app, channel, role, stage)
