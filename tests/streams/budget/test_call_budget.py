"""Calls are admitted under limits and counted; without Redis the worker's share is used."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.call_limits import CallLimits, Price
from schemas.config import EVERY_TASK, TeacherConfig
from schemas.events import Event, EventKind
from schemas.messages import Usage
from schemas.redis_keys import Keys
from streams.budget.call_budget import CallBudget
from streams.budget.spending_log import SpendingLog
from streams.metrics.registry import MetricRegistry
from streams.spending.cost import CallCost, CallKind
from streams.state.connection import Connection
from streams.state.spending import SpendingStore
from streams.tasks import Tasks

NOBODY = 1
"""A port at which no server listens."""


class Worker:
    """A budget on the test's Redis, and one that can lose it."""

    def __init__(self, redis_url: str, keys: Keys, name: str = "w") -> None:
        self.url, self.published = redis_url, list[Event]()
        self.connection = Connection(redis_url)
        self.store = SpendingStore(self.connection, keys)
        self.tasks = Tasks()
        self.log = SpendingLog(self.store, self.tasks, self.published.append, MetricRegistry())
        self.now = 0.0
        self.budget = CallBudget(self.store, self.log, name, lambda: self.now)

    def use_redis(self, port: int) -> int:
        """From now on the server at this port is used; the port before."""
        pool = self.connection.redis.connection_pool
        before = int(pool.connection_kwargs.get("port", 6379))
        pool.connection_kwargs["port"] = port
        pool.reset()
        return before


@pytest.fixture
async def worker(redis_url: str, keys: Keys) -> AsyncIterator[Worker]:
    worker = Worker(redis_url, keys)
    yield worker
    await worker.connection.aclose()


@pytest.fixture
async def other(redis_url: str, keys: Keys) -> AsyncIterator[Worker]:
    worker = Worker(redis_url, keys, "other")
    yield worker
    await worker.connection.aclose()


def cost_of(calls: int = 1, usage: Usage | None = None) -> CallCost:
    cost = CallCost()
    for _ in range(calls):
        cost.begin_call()
    cost.add(usage)
    return cost


def limited(**limits: Any) -> TeacherConfig:
    return TeacherConfig(price=Price(input=1.0), limits=CallLimits(**limits))


def test_calls_are_admitted_only_where_there_are_limits(worker: Worker) -> None:
    assert not worker.budget.is_limited(TeacherConfig())
    assert worker.budget.is_limited(limited(calls_per_day=1))
    assert worker.budget.is_limited(TeacherConfig(total_limits=CallLimits(calls_in_flight=1)))


async def test_a_call_s_cost_is_counted_by_kind(worker: Worker) -> None:
    config = TeacherConfig(price=Price(input=2.0, output=10.0))
    worker.budget.record("t", config, CallKind.REQUESTS, cost_of(1, Usage(1_000_000, 100_000, 0)))
    worker.budget.record("t", config, CallKind.AUDITS, cost_of(2, Usage(10, 0, 4)))
    worker.budget.record("t", config, CallKind.AUDITS, CallCost())
    await worker.log.flush()
    day = await worker.store.day("t")
    assert (day["calls"], day["tokens"]) == (3.0, 1_100_010.0)
    assert (day["requests.calls"], day["audits.calls"], day["audits.cached_tokens"]) == (1.0, 2.0, 4.0)
    assert day["requests.money"] == pytest.approx(3.0)
    assert (day["requests.timed"], day["audits.timed"]) == (1.0, 2.0)
    assert day["audits.seconds"] > 0.0
    assert day == await worker.store.day(EVERY_TASK)


async def test_a_day_s_limit_ends_admissions_and_is_told_once(worker: Worker) -> None:
    config = limited(calls_per_day=4)
    worker.tasks.configure("t", {"teacher": {"limits": {"calls_per_day": 4}}})
    admission = await worker.budget.admit("t", config, 3)
    assert (len(admission.permits), admission.ceiling) == (3, None)
    for permit in admission.permits:
        worker.budget.record("t", config, CallKind.REQUESTS, cost_of())
        worker.budget.end("t", permit)
    await worker.log.flush()
    last = await worker.budget.admit("t", config, 3)
    assert len(last.permits) == 1
    assert last.ceiling is not None
    assert not last.ceiling.is_final, "its call may still not be made"
    worker.budget.record("t", config, CallKind.REQUESTS, cost_of())
    worker.budget.end("t", last.permits[0])
    await worker.log.flush()
    refused = await worker.budget.admit("t", config, 3)
    assert refused.ceiling is not None
    assert (len(refused.permits), refused.ceiling.is_final) == (0, True)
    worker.log.add("t", {"answered": 1})
    await worker.log.flush()
    told = [event.details["level"] for event in worker.published if event.kind is EventKind.SPENDING]
    assert told == [0.5, 1.0]


async def test_a_second_call_is_paced_with_the_next(worker: Worker) -> None:
    config = limited(calls_per_second=0.001)
    assert len((await worker.budget.admit("t", config, 1)).permits) == 1
    worker.budget.record("t", config, CallKind.REQUESTS, cost_of(2))
    refused = await worker.budget.admit("t", config, 1)
    assert refused.ceiling is not None
    assert (refused.permits, refused.ceiling.limit) == ([], "calls_per_second")
    assert refused.wait > 1_900.0


async def test_second_calls_of_two_lanes_are_paced_once(worker: Worker) -> None:
    config = limited(calls_per_second=0.001)
    worker.budget.record("t", config, CallKind.REQUESTS, cost_of(3))
    lanes = [asyncio.create_task(worker.budget.admit("t", config, 1)) for _ in range(2)]
    await asyncio.sleep(0)
    worker.budget.record("t", config, CallKind.REQUESTS, cost_of(2))
    admitted = sum(len(one.permits) for one in await asyncio.gather(*lanes))
    assert admitted <= 1, "one call at once, unless the lane that tells of the further ones comes first"
    refused = await worker.budget.admit("t", config, 1)
    counted = 3 + admitted
    assert 1_000.0 * counted - 100.0 < refused.wait <= 1_000.0 * counted


async def test_money_without_a_price_asks_nobody(worker: Worker) -> None:
    config = TeacherConfig(limits=CallLimits(money_per_day=5.0))
    refused = await worker.budget.admit("t", config, 1)
    assert refused.ceiling is not None
    assert (len(refused.permits), refused.ceiling.is_final) == (0, False)
    assert "`teacher.price`" in refused.ceiling.sentence


async def test_without_redis_a_worker_uses_its_share(worker: Worker, other: Worker) -> None:
    config = limited(calls_per_day=10)
    await other.budget.admit("t", config, 1)
    first = await worker.budget.admit("t", config, 1)
    await worker.connection.redis.connection_pool.disconnect()
    port = worker.use_redis(NOBODY)
    worker.budget.record("t", config, CallKind.REQUESTS, cost_of())
    worker.budget.end("t", first.permits[0])
    await worker.log.flush()
    alone = await worker.budget.admit("t", config, 9)
    assert len(alone.permits) == 4, "half of the eight that were left"
    assert alone.ceiling is not None
    assert "Redis is away" in alone.ceiling.sentence
    assert not alone.ceiling.is_final
    worker.use_redis(port)
    await worker.log.flush()
    assert (await worker.store.day("t"))["calls"] == 1.0, "told once Redis was back"


async def test_a_worker_that_starts_without_redis_calls_nobody(worker: Worker) -> None:
    worker.use_redis(NOBODY)
    assert (await worker.budget.admit("t", limited(calls_per_second=100.0), 1)).permits == []
