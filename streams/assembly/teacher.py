"""The teacher role: asks the LLM about deferrals, and in a lane of its own about audits."""

from operator import attrgetter

from streams.assembly.parts import CloseService, WorkerParts
from streams.budget.call_budget import CallBudget
from streams.roles import teacher
from streams.teacher.client import TeacherClient
from streams.teacher.endpoint_circuits import EndpointCircuits


def add(parts: WorkerParts) -> None:
    """Add the role's agents and services to the worker."""
    settings, topics = parts.settings, parts.settings.topics
    client, circuits = TeacherClient(), EndpointCircuits()
    spending = parts.spending()
    budget = CallBudget(parts.spending_store, spending, parts.name)
    parts.sync_policies()
    parts.services.append(CloseService(client))
    lanes = [(teacher.STAGE, topics.deferrals, "concurrency")]
    if settings.audit_lane:
        lanes.append((teacher.AUDITS_STAGE, topics.audits, "audit_concurrency"))
    for stage, topic, slots in lanes:
        role = teacher.TeacherRole(
            parts.tasks,
            topics,
            client,
            circuits,
            attrgetter(slots),
            parts.sampler,
            parts.forgotten,
            budget,
            spending.add_answers,
        )
        parts.services.append(role)
        teacher.install(parts.app, parts.lane(stage, topic), role, stage)
