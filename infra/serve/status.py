"""Reads the status of each task from Redis and the config: for `status` and the view of the demo."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from infra.console.output import note
from infra.serve.servers import ask_redis, redis_connection
from schemas.config import Config, Override, config_of
from streams.errors import StateUnreadable
from streams.settings import Settings
from streams.state.running_refits import RunningRefit, RunningRefits
from streams.state.workers import WorkerStore
from streams.status.absent_encoders import AbsentEncoder, absent_encoders
from streams.status.status_reader import StatusReader
from streams.status.task_status import TaskStatus


def task_statuses(settings: Settings, overrides: Mapping[str, Override]) -> list[TaskStatus]:
    """All tasks that have a policy, by name; a note says which can't be read.

    Raises:
        StateUnavailable: Redis is away.
    """
    return asyncio.run(_statuses(settings, overrides))


def read_running_refits(settings: Settings, tasks: Iterable[str]) -> dict[str, RunningRefit]:
    """The refits of these tasks that run now. Raises StateUnavailable: Redis is away."""
    return ask_redis(settings, RunningRefits, lambda refits: refits.of(tasks))


async def _statuses(settings: Settings, overrides: Mapping[str, Override]) -> list[TaskStatus]:
    async with redis_connection(settings) as connection:
        reader = StatusReader(connection, settings.keys, settings.policies_kept)
        tasks = sorted(await reader.registry.tasks())
        guard, statuses = await reader.guard(), []
        for task in tasks:
            try:
                statuses.append(await reader.status_of(task, config_of(task, overrides), guard))
            except StateUnreadable as error:
                note(f"not shown: {error}")
    return [status for status in statuses if status is not None]


def read_absent_encoders(
    settings: Settings, tasks: Iterable[str], overrides: Mapping[str, Override]
) -> dict[str, tuple[AbsentEncoder, ...]]:
    """The encoders of each task that processes can't use. Raises StateUnavailable: Redis is away."""
    heard = ask_redis(settings, WorkerStore, WorkerStore.read)
    return {task: absent_encoders(config_of(task, overrides), heard) for task in tasks}


@asynccontextmanager
async def task_status(
    settings: Settings, task: str, config: Config
) -> AsyncIterator[Callable[[], Awaitable[TaskStatus | None]]]:
    """A function that reads the status of one task, for as long as the context lasts."""
    async with redis_connection(settings) as connection:
        reader = StatusReader(connection, settings.keys, settings.policies_kept)

        async def look() -> TaskStatus | None:
            return await reader.status_of(task, config, await reader.guard())

        yield look
