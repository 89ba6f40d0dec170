"""Reads what other targets would bring to a task: its live version, its audits and its traffic of now."""

import asyncio
from collections.abc import Sequence

from infra.serve.config_topic import read_overrides
from infra.serve.servers import redis_connection
from infra.serve.spending import read_spending
from infra.serve.status import task_status
from infra.serve.traffic import TaskTraffic, read_traffic
from models.manifest import Manifest
from schemas.config import Config, config_of
from streams.clock import unix_ms
from streams.errors import StreamsError
from streams.settings import Settings
from streams.state.registry import Registry
from streams.status.task_status import TaskStatus
from streams.status.what_if import WhatIf, what_if_of

_DAY = 86_400.0


def read_what_if(
    settings: Settings,
    task: str,
    targets: Sequence[float],
    requests_a_day: float | None,
    price_a_call: float | None,
) -> WhatIf | None:
    """None where the task has no policy.

    Args:
        requests_a_day, price_a_call: instead of the measured ones.

    Raises:
        StreamsError: a server is away, or there was no traffic lately and none is given.
    """
    config = config_of(task, read_overrides(settings))
    found = asyncio.run(_live_version(settings, task, config))
    if found is None:
        return None
    status, manifest = found
    requests = requests_a_day or _requests_a_day(read_traffic(settings, unix_ms()).get(task))
    if not requests:
        raise StreamsError(f"task {task} had no requests in the last minutes: give --requests-a-day")
    if price_a_call is None:
        price_a_call = read_spending(settings, [task])[task].price_a_call(config.teacher.price)
    return what_if_of(status, manifest, config, targets, requests, price_a_call)


async def _live_version(settings: Settings, task: str, config: Config) -> tuple[TaskStatus, Manifest] | None:
    async with task_status(settings, task, config) as look, redis_connection(settings) as connection:
        status = await look()
        if status is None:
            return None
        raw = await Registry(connection, settings.keys, settings.policies_kept).manifest(task, status.version)
    return None if raw is None else (status, Manifest.decode(raw))


def _requests_a_day(traffic: TaskTraffic | None) -> float:
    return 0.0 if traffic is None else traffic.rate * _DAY
