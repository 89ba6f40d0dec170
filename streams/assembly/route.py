"""The route role: policies from the registry, the router, and the watch for drift."""

from streams.assembly.parts import WorkerParts
from streams.drift.watch import DriftWatch
from streams.kafka.dead_letters import DeadLetters
from streams.privacy.mask import MaskedIntake, load_mask
from streams.roles import route
from streams.routing.decision_counts import DecisionCounts
from streams.settings import Settings


def add(parts: WorkerParts) -> None:
    """Add the role's agent and services to the worker."""
    settings = parts.settings
    parts.sync_policies()
    parts.check_audit_key()
    intake = _intake(settings)
    router = route.RouteRole(
        parts.tasks,
        settings.topics,
        parts.sampler,
        intake,
        parts.spending().count_labels,
        DecisionCounts(parts.metrics).count,
        parts.unknown_tasks().refusal,
        parts.tracing,
    )
    source = parts.source(route.STAGE, settings.topics.requests, dead_letters=intake)
    route.install(parts.app, source, router)
    parts.services.append(DriftWatch(parts.tasks, router.traffic, parts.refit_queue(), parts.event_publisher))


def _intake(settings: Settings) -> DeadLetters:
    """Reads requests: as they come, or masked."""
    topic = settings.topics.dead_letters
    if settings.mask is None:
        return DeadLetters(topic, route.STAGE)
    return MaskedIntake(topic, route.STAGE, load_mask(settings.mask))
