"""Reads the status of one task after the other from Redis, as `status` and the dashboard show it."""

from dataclasses import replace

from models.errors import PolicyError
from models.manifest import Manifest
from schemas.config import Config
from schemas.redis_keys import Keys
from streams.errors import StateUnreadable
from streams.label_set import LabelSet, known_labels
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from streams.state.guard import GuardStore
from streams.state.registry import Registry
from streams.status.task_status import (
    TaskStatus,
    service_certificate,
    version_status,
    with_audits,
    with_repeats,
    with_sampling,
    with_serving,
)
from streams.versions.guard_state import Guard


class StatusReader:
    """Reads registry and audits over one connection. Every method raises StateUnavailable."""

    def __init__(self, connection: Connection, keys: Keys, policies_kept: int) -> None:
        self.registry = Registry(connection, keys, policies_kept)
        self.audits = AuditStore(connection, keys)
        self._guard = GuardStore(connection, keys)

    async def guard(self) -> Guard:
        """Since when nobody may have counted audits; of all tasks."""
        return await self._guard.read() or Guard(unseen=True)

    async def status_of(self, task: str, config: Config, guard: Guard) -> TaskStatus | None:
        """The status of one task; None while it has no policy.

        Raises:
            StateUnreadable: what Redis holds of the task is of another release, or broken.
        """
        serving_state = await self.registry.serving_state(task)
        active = serving_state.active
        raw = await self.registry.manifest(task, active.version) if active else None
        if active is None or raw is None:
            return None
        try:
            manifest = Manifest.decode(raw)
        except PolicyError as error:
            raise StateUnreadable(
                f"a policy in Redis can't be read: task={task} version={active.version}: {error}"
            ) from error
        new_labels = LabelSet.of(config.teacher).new_to(known_labels(manifest))
        state = await self.registry.sampling_state(task, active.version)
        state = replace(state, certified=state.certified and guard.is_fresh, new_labels=bool(new_labels))
        status = version_status(task, active, manifest, config)
        status = with_serving(status, serving_state, config, guard)
        status = with_audits(status, await self.audits.status(task, active.version), config, guard)
        status = with_repeats(status, await self.registry.repeat_counts(task), config)
        status = with_sampling(status, state, await self.registry.certifying_traces(task), config)
        service = service_certificate(await self.audits.service_status(task), guard, status.target)
        return replace(status, service=service)
