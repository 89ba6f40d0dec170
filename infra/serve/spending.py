"""Reads today's spending on the teacher of each task, and of all of them."""

import asyncio
from collections.abc import Iterable

from infra.serve.servers import redis_connection
from schemas.config import EVERY_TASK
from streams.settings import Settings
from streams.spending.day_spending import DaySpending, day_spending
from streams.state.spending import SpendingStore


def read_spending(settings: Settings, tasks: Iterable[str]) -> dict[str, DaySpending]:
    """Today's spending of each task, and of all under `*`. Raises StateUnavailable: Redis is away."""
    return asyncio.run(_read(settings, [EVERY_TASK, *tasks]))


async def _read(settings: Settings, scopes: Iterable[str]) -> dict[str, DaySpending]:
    async with redis_connection(settings) as connection:
        store = SpendingStore(connection, settings.keys)
        return {scope: day_spending(await store.day(scope)) for scope in scopes}
