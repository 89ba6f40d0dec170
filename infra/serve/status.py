"""Reads the status of each task from Redis and the config: for `status` and the view of the demo."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from infra.console.output import note
from infra.serve.servers import redis_connection
from infra.serve.task_status import (
    TaskStatus,
    service_certificate,
    version_status,
    with_audits,
    with_repeats,
    with_sampling,
    with_serving,
)
from models.manifest import Manifest
from schemas.config import Config, Override, config_of
from streams.errors import StateUnreadable
from streams.label_set import LabelSet, known_labels
from streams.settings import Settings
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from streams.state.guard import GuardStore
from streams.state.registry import Registry
from streams.versions.guard_state import Guard


def task_statuses(settings: Settings, overrides: Mapping[str, Override]) -> list[TaskStatus]:
    """All tasks that have a policy, by name; a note says which can't be read.

    Raises:
        StateUnavailable: Redis is away.
    """
    return asyncio.run(_statuses(settings, overrides))


async def _statuses(settings: Settings, overrides: Mapping[str, Override]) -> list[TaskStatus]:
    async with redis_connection(settings) as connection:
        reader = _StatusReader(connection, settings)
        tasks = sorted(await reader.registry.tasks())
        guard, statuses = await reader.guard(), []
        for task in tasks:
            try:
                statuses.append(await reader.status_of(task, config_of(task, overrides), guard))
            except StateUnreadable as error:
                note(f"not shown: {error}")
    return [status for status in statuses if status is not None]


@asynccontextmanager
async def task_status(
    settings: Settings, task: str, config: Config
) -> AsyncIterator[Callable[[], Awaitable[TaskStatus | None]]]:
    """A function that reads the status of one task, for as long as the context lasts."""
    async with redis_connection(settings) as connection:
        reader = _StatusReader(connection, settings)

        async def look() -> TaskStatus | None:
            return await reader.status_of(task, config, await reader.guard())

        yield look


class _StatusReader:
    """Reads registry and audits over one Redis connection."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self.registry = Registry(connection, settings.keys, settings.policies_kept)
        self._audits = AuditStore(connection, settings.keys)
        self._guard = GuardStore(connection, settings.keys)

    async def guard(self) -> Guard:
        """Since when nobody may have counted audits; of all tasks."""
        return await self._guard.read() or Guard(unseen=True)

    async def status_of(self, task: str, config: Config, guard: Guard) -> TaskStatus | None:
        """The status of one task; None while it has no policy."""
        serving_state = await self.registry.serving_state(task)
        active = serving_state.active
        raw = await self.registry.manifest(task, active.version) if active else None
        if active is None or raw is None:
            return None
        manifest = Manifest.decode(raw)
        new_labels = LabelSet.of(config.teacher).new_to(known_labels(manifest))
        state = await self.registry.sampling_state(task, active.version)
        state = replace(state, certified=state.certified and guard.is_fresh, new_labels=bool(new_labels))
        status = version_status(task, active, manifest, config)
        status = with_serving(status, serving_state, config, guard)
        status = with_audits(status, await self._audits.status(task, active.version), config, guard)
        status = with_repeats(status, await self.registry.repeat_counts(task), config)
        status = with_sampling(status, state, await self.registry.certifying_traces(task), config)
        service = service_certificate(await self._audits.service_status(task), guard)
        return replace(status, service=service)
