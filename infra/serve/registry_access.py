"""Registry for commands: on a Redis connection of its own, for one question."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from infra.serve.servers import redis_connection
from models.manifest import Manifest
from schemas.config import EVERY_TASK
from streams.settings import Settings
from streams.state.registry import Registry

Result = TypeVar("Result")


def with_registry(settings: Settings, question: Callable[[Registry], Awaitable[Result]]) -> Result:
    """The result of `question`, on a Redis connection of its own.

    Raises:
        StateUnavailable: Redis is away.
    """

    async def ask() -> Result:
        async with redis_connection(settings) as connection:
            return await question(Registry(connection, settings.keys, settings.policies_kept))

    return asyncio.run(ask())


def live_manifests(settings: Settings, task: str) -> dict[str, Manifest]:
    """The manifest of the live version of a task, or of each task for `*`.

    Raises:
        StateUnavailable: Redis is away.
    """

    async def read(registry: Registry) -> dict[str, Manifest]:
        tasks = await registry.tasks()
        manifests = {}
        for name in sorted(tasks if task == EVERY_TASK else tasks & {task}):
            active = await registry.active(name)
            raw = await registry.manifest(name, active.version) if active else None
            if raw is not None:
                manifests[name] = Manifest.decode(raw)
        return manifests

    return with_registry(settings, read)
