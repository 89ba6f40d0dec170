"""The trainer role: reads all traces, and refits policies under a lease."""

from streams.assembly.metrics import show_trainer
from streams.assembly.parts import WorkerParts
from streams.roles import trainer
from streams.state.lease import Leases
from streams.state.running_refits import RunningRefits
from streams.trainer import truths


def add(parts: WorkerParts) -> None:
    """Add the role's agent and services to the worker."""
    settings, told = parts.settings, truths.Truths()
    role = trainer.Trainer(
        parts.tasks,
        parts.registry,
        Leases(parts.connection, settings.keys, parts.name, settings.lease),
        parts.refit_queue(),
        parts.event_publisher,
        settings.lease,
        parts.forgotten,
        parts.spending().add_refit,
        told,
        running=RunningRefits(parts.connection, settings.keys),
    )
    parts.on_forgotten.append(role.forget)
    truths.install(parts.app, parts.tail(settings.topics.feedback), told)
    trainer.install(parts.app, parts.tail(settings.topics.traces), role)
    show_trainer(parts.metrics, role.led, role.requested)
    parts.services.append(role)
