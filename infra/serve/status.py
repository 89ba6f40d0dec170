"""How each task stands, read from Redis and the config: for `status` and the live view."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from models.manifest import Manifest
from models.noise.ceiling import ceiling_upper_bound
from schemas.config import Config, Override, config_of
from streams.settings import Settings
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from streams.state.registry import Registry
from streams.tasks import threshold
from streams.versions.serving_state import Candidate


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """Attributes:
    since: Unix milliseconds at which the version went live.
    threshold: certified for the target, or set by the operator; None where nothing is.
    audits, agreements: that its certificate rests on.
    pending: audits whose reply is awaited; of these `overdue`, which count as disagreements.
    bound: agreement that these prove, in [0, 1); `certified` where it clears the target. Nothing is while
        counts that were lost are read again: they are not `complete` then.
    alarm: how near the alarm is, from 0 to 1, where it is raised.
    breaker: why nothing is answered; None while it is closed.
    candidate: what is on trial, and how: `v3 in shadow`.
    pinned: why nothing is promoted; None where promotions are free.
    asked_again: requests about which the teacher was asked twice; on `said_the_same` it repeated itself.
    ceiling: what no surrogate that answers all requests can agree with more often, in [0, 1].
    """

    task: str
    version: str
    since: int
    traces: int
    target: float
    threshold: float | None
    audits: int
    agreements: int
    pending: int
    overdue: int
    bound: float
    certified: bool
    complete: bool
    alarm: float
    breaker: str | None
    candidate: str | None
    pinned: str | None
    asked_again: int
    said_the_same: int
    ceiling: float


def task_statuses(settings: Settings, overrides: Mapping[str, Override]) -> list[TaskStatus]:
    """All tasks that have a policy, by name.

    Raises:
        StateUnavailable: Redis is away.
    """
    return asyncio.run(_standings(settings, overrides))


async def _standings(settings: Settings, overrides: Mapping[str, Override]) -> list[TaskStatus]:
    async with _StatusReader(settings) as shelf:
        tasks = sorted(await shelf.registry.tasks())
        found = [await shelf.standing(task, config_of(task, overrides)) for task in tasks]
    return [one for one in found if one is not None]


@asynccontextmanager
async def task_status(
    settings: Settings, task: str, config: Config
) -> AsyncIterator[Callable[[], Awaitable[TaskStatus | None]]]:
    """A function that looks at one task, for as long as the context lasts."""
    async with _StatusReader(settings) as shelf:
        yield lambda: shelf.standing(task, config)


class _StatusReader:
    """The registry and the audits, on a connection of their own."""

    def __init__(self, settings: Settings) -> None:
        self._connection = Connection(**settings.redis)
        self.registry = Registry(self._connection, settings.keys, settings.policies_kept)
        self._audits = AuditStore(self._connection, settings.keys)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.aclose()

    async def standing(self, task: str, config: Config) -> TaskStatus | None:
        """How one task stands; None while it has no policy."""
        serving_state = await self.registry.serving_state(task)
        active = serving_state.active
        raw = await self.registry.manifest(task, active.version) if active else None
        if active is None or raw is None:
            return None
        manifest = Manifest.decode(raw)
        finding = await self._audits.status(task, active.version)
        twice = await self.registry.repeat_counts(task)
        return TaskStatus(
            task=task,
            version=active.version,
            since=active.since,
            traces=manifest.traces,
            target=config.target_agreement,
            threshold=threshold(manifest, config),
            audits=finding.audits,
            agreements=finding.agreements,
            pending=finding.pending,
            overdue=finding.overdue + finding.lost,
            bound=finding.bound,
            certified=finding.certified,
            complete=finding.complete,
            alarm=finding.alarm,
            breaker=serving_state.breaker.reason if serving_state.breaker.stops(active.version) else None,
            candidate=_on_trial(serving_state.candidate),
            pinned=serving_state.pin.reason if serving_state.pin else None,
            asked_again=twice.asked,
            said_the_same=twice.same,
            ceiling=ceiling_upper_bound(twice, config.delta),
        )


def _on_trial(candidate: Candidate | None) -> str | None:
    return f"{candidate.version} in {candidate.plan.mode}" if candidate else None
