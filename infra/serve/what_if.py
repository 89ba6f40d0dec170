"""Reads what other targets would bring to a task: its live version, its audits and its traffic of now."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from infra.serve.config_topic import read_overrides
from infra.serve.servers import redis_connection
from infra.serve.spending import DaySpending, read_spending
from infra.serve.status import task_status
from infra.serve.traffic import TaskTraffic, read_traffic
from models.certificate import Certificate, budget_share
from models.forecast.forecast import Assumptions
from models.manifest import Manifest
from models.what_if import LiveAudits, TargetEstimate, what_if
from schemas.config import Config, config_of
from streams.clock import unix_ms
from streams.errors import StreamsError
from streams.settings import Settings
from streams.spending.cost import CallKind
from streams.state.registry import Registry
from streams.status.task_status import TaskStatus

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Attributes:
    target: in force.
    assumptions: traffic of the last minutes and today's mean price of a call, or those that were given.
    outcomes: one for each target, lowest first.
    knows_price: whether the price of a call is known; where not, no estimate has a cost.
    held: why no target would answer anything; empty where targets do.
    """

    task: str
    version: str
    target: float
    assumptions: Assumptions
    outcomes: tuple[TargetEstimate, ...]
    knows_price: bool = True
    held: str = ""


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
    price = _price_a_call(read_spending(settings, [task])[task]) if price_a_call is None else price_a_call
    assumed = Assumptions(requests, price or 0.0, status.audit_rate, config.delta)
    found_outcomes = outcomes(manifest, status, config, assumed, targets)
    if price is None:
        found_outcomes = tuple(replace(one, cost_a_day=None, saved_a_day=None) for one in found_outcomes)
    return WhatIf(
        task,
        status.version,
        status.target,
        assumed,
        found_outcomes,
        price is not None,
        held_reason(manifest, config),
    )


def held_reason(manifest: Manifest, config: Config) -> str:
    """Why no target would answer anything now; empty where targets do."""
    if config.paused:
        return "the task is paused: no target answers anything until `paused` is false"
    if config.threshold is not None:
        return "the threshold is set by hand, so no target moves it: unset `threshold` to compare targets"
    if manifest.delta > config.delta:
        return f"the gate judged at a delta of {manifest.delta:g}, now it is {config.delta:g}: refit first"
    return ""


def outcomes(
    manifest: Manifest,
    status: TaskStatus,
    config: Config,
    assumptions: Assumptions,
    targets: Sequence[float],
) -> tuple[TargetEstimate, ...]:
    """The outcome of each target, lowest first, for the version that answers now."""
    replies = Certificate(status.audits, status.agreements)
    level = status.level or budget_share(config.delta, 1)
    is_held = bool(held_reason(manifest, config))
    live = LiveAudits(status.target, replies, status.without_label, level, is_held)
    return tuple(
        what_if(manifest, target, replace(config, target_agreement=target).aim, assumptions, live)
        for target in sorted(set(targets))
    )


async def _live_version(settings: Settings, task: str, config: Config) -> tuple[TaskStatus, Manifest] | None:
    async with task_status(settings, task, config) as look, redis_connection(settings) as connection:
        status = await look()
        if status is None:
            return None
        raw = await Registry(connection, settings.keys, settings.policies_kept).manifest(task, status.version)
    return None if raw is None else (status, Manifest.decode(raw))


def _requests_a_day(traffic: TaskTraffic | None) -> float:
    return 0.0 if traffic is None else traffic.rate * _DAY


def _price_a_call(spent: DaySpending) -> float | None:
    """Today's mean price of a request's call; None where that is not known."""
    asked = spent.calls[CallKind.REQUESTS]
    calls = asked.calls + spent.apps.calls
    money = asked.money + spent.apps.money
    return money / calls if calls and money > 0.0 else None
