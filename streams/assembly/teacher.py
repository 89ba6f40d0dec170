"""The teacher role: asks the LLM about deferrals, and in a lane of its own about audits.

A lane more reads the deferrals that the first has put off; both share the calls of each task.
"""

from functools import partial
from operator import attrgetter

from schemas.urls import masked_url
from streams.assembly.metrics import show_endpoints, show_lane
from streams.assembly.parts import CloseService, WorkerParts
from streams.roles import teacher
from streams.roles.claims import claim_of
from streams.state.workers import EndpointReport
from streams.teacher.client import TeacherClient
from streams.teacher.endpoint_circuits import EndpointCircuits
from streams.teacher.key_variables import KeyVariables


def add(parts: WorkerParts) -> None:
    """Add the role's agents and services to the worker."""
    settings, topics = parts.settings, parts.settings.topics
    client, circuits = TeacherClient(KeyVariables.of_process(settings.key_env)), EndpointCircuits()
    spending, budget = parts.spending(), parts.budget()
    parts.sync_policies()
    parts.services.append(CloseService(client))
    show_endpoints(parts.metrics, circuits.endpoints)
    parts.heartbeat.show_endpoints(lambda: _endpoint_reports(circuits))
    claims = partial(claim_of, parts.tasks)
    requests = [(teacher.STAGE, topics.deferrals), (teacher.WAITING_STAGE, topics.waiting)]
    lanes: list[tuple[str, list[tuple[str, str]], str, str | None]] = [
        ("deferrals", requests, "concurrency", topics.waiting)
    ]
    if settings.audit_lane:
        lanes.append(("audits", [(teacher.AUDITS_STAGE, topics.audits)], "audit_concurrency", None))
    for lane, stages, slots, overflow in lanes:
        role = teacher.TeacherRole(
            parts.tasks,
            topics,
            teacher.LlmAccess(client, circuits, attrgetter(slots), budget),
            parts.sampler,
            parts.forgotten,
            spending.count_labels,
            parts.tracing,
        )
        parts.services.append(role)
        show_lane(parts.metrics, lane, role.depths)
        for stage, topic in stages:
            channel = parts.lane(stage, topic, claims, overflow)
            teacher.install(parts.app, channel, role, stage)


def _endpoint_reports(circuits: EndpointCircuits) -> list[EndpointReport]:
    """The endpoints as people are shown them."""
    return [
        EndpointReport(masked_url(one.url or ""), one.model or "", is_open)
        for one, is_open in circuits.endpoints().items()
    ]
