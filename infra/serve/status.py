"""Status of each task, read from Redis and the config: for `status` and the view of the demo."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from infra.console.output import note
from infra.serve.expected_coverage import config_mismatch, expected_coverage
from infra.serve.servers import redis_connection
from models.certificate import upper_bound
from models.manifest import Manifest
from models.noise.ceiling import ceiling_upper_bound
from schemas.config import Config, Override, config_of
from streams.errors import StateUnreadable
from streams.label_set import LabelSet, known_labels
from streams.sampling import RateReason, audit_rate
from streams.settings import Settings
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from streams.state.guard import GuardStore
from streams.state.registry import Registry
from streams.tasks import threshold
from streams.trainer.trigger import fewest_certifying
from streams.versions.guard_state import FRESH, Guard
from streams.versions.serving_state import Candidate


@dataclass(frozen=True, slots=True)
class ServiceCertificate:
    """What the audits of all versions together prove; it spends `delta` once, through all refits.

    Attributes:
        audits, agreements: replies so far, of the teacher that answers now.
        pending: audits without a reply yet.
        suspended: why nothing is certified, where the labels alone prove the target; empty elsewhere.
        bound: agreement that they prove, in [0, 1): of all answers up to `until`, each weighted with the
            audit rate at its time.
        until: Unix milliseconds; 0 where that is not known.
        certified: the bound clears the target.
    """

    audits: int = 0
    agreements: int = 0
    pending: int = 0
    bound: float = 0.0
    until: int = 0
    certified: bool = False
    suspended: str = ""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """Attributes:
    since: Unix milliseconds at which the version went live.
    traces: that it was fitted on.
    target: agreement that is promised, in (0, 1).
    threshold: least score that is answered; passed the gate, or set by hand. None where neither.
    audits, agreements: replies so far to audits of this version.
    pending: audits without a reply yet; of these, `overdue` ones count against the claim, and `silent` ones
        were passed by.
    failed: audits on which the teacher has failed; `lost`: those whose label is not waited for any more. They
        count against the claim, too.
    suspended: why nothing is certified, where the labels alone prove the target; empty elsewhere.
    bound: agreement that the audits prove, in [0, 1): of the version's answers up to `until`, each weighted
        with the audit rate at its time. While that rate is constant, it is the plain average.
    certified: the bound clears the target. False while counts that were lost are read again.
    complete: False while they are.
    alarm: level of the alarm, from 0 to 1, where it is raised.
    breaker: why nothing is answered; None while it is closed.
    candidate: the version on trial, and how: `v3 in shadow`.
    pinned: why no version is promoted; None where promotions are free.
    asked_again: requests about which the teacher was asked twice; on `said_the_same` it repeated itself.
    ceiling: upper bound of the agreement of any surrogate that answers all requests, in [0, 1].
    by_hand: the threshold was set by hand.
    paused: everything is deferred, as the config says.
    audit_rate: share of the requests that is audited, in [0, 1].
    audit_reason: why this share.
    certifying: sampled traces that the next refit may certify on; None where no trainer says so now.
    enough: of these, from which on the config's `audit_rate` alone decides.
    needed: of these, below which a refit waits.
    expected_coverage: share of the requests that it should answer, as the fit has seen them; None where the
        policy can't say.
    high: agreement that the audits prove not to be exceeded, in (0, 1].
    new_labels: labels that it can't know; nothing is certified until a refit has learned them.
    removed_labels: labels that it is not allowed to answer any more.
    unsuitable: why the version can't answer under this config; None where it can.
    until: Unix milliseconds; 0 where that is not known.
    service: the certificate of all versions together.
    uncounted: seconds for which `certify` has counted no audits, where it is late: nothing is certified.
        Infinite where it has never said that it counts them; None while it is not late.
    unguarded: for so long that everything is deferred.
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
    by_hand: bool = False
    paused: bool = False
    audit_rate: float = 0.0
    audit_reason: RateReason = RateReason.CONFIGURED
    certifying: int | None = None
    enough: int = 0
    needed: int = 0
    expected_coverage: float | None = None
    new_labels: tuple[str, ...] = ()
    removed_labels: tuple[str, ...] = ()
    unsuitable: str | None = None
    high: float = 1.0
    until: int = 0
    service: ServiceCertificate = ServiceCertificate()
    silent: int = 0
    failed: int = 0
    lost: int = 0
    suspended: str = ""
    uncounted: float | None = None
    unguarded: bool = False


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
        return await self._guard.read() or Guard(age=math.inf)

    async def status_of(self, task: str, config: Config, guard: Guard) -> TaskStatus | None:
        """The status of one task; None while it has no policy."""
        serving_state = await self.registry.serving_state(task)
        active = serving_state.active
        raw = await self.registry.manifest(task, active.version) if active else None
        if active is None or raw is None:
            return None
        manifest = Manifest.decode(raw)
        certificate = await self._audits.status(task, active.version)
        labels = LabelSet.of(config.teacher)
        new_labels = labels.new_to(known_labels(manifest))
        service = await self._audits.service_status(task)
        twice = await self.registry.repeat_counts(task)
        state = await self.registry.sampling_state(task, active.version)
        state = replace(state, certified=state.certified and guard.is_fresh, new_labels=bool(new_labels))
        rate = audit_rate(config, state)
        return TaskStatus(
            task=task,
            version=active.version,
            since=active.since,
            traces=manifest.traces,
            target=config.target_agreement,
            threshold=threshold(manifest, config),
            audits=certificate.audits,
            agreements=certificate.agreements,
            pending=certificate.pending,
            overdue=certificate.overdue,
            silent=certificate.silent,
            failed=certificate.failed,
            lost=certificate.lost,
            suspended=certificate.suspended,
            bound=certificate.bound,
            certified=certificate.certified and guard.is_fresh,
            complete=certificate.complete and not guard.rebuilding,
            alarm=certificate.alarm,
            breaker=serving_state.breaker.reason if serving_state.breaker.stops(active.version) else None,
            candidate=_on_trial(serving_state.candidate),
            pinned=serving_state.pin.reason if serving_state.pin else None,
            asked_again=twice.asked,
            said_the_same=twice.same,
            ceiling=ceiling_upper_bound(twice, config.delta),
            by_hand=config.threshold is not None,
            paused=config.paused,
            audit_rate=rate.rate,
            audit_reason=rate.reason,
            certifying=await self.registry.certifying_traces(task),
            enough=config.audit_enough,
            needed=fewest_certifying(config.refit),
            expected_coverage=expected_coverage(manifest, config),
            new_labels=new_labels,
            removed_labels=tuple(sorted(labels.removed_of(manifest))),
            unsuitable=config_mismatch(manifest, config),
            high=upper_bound(certificate.certificate, config.delta),
            until=certificate.until,
            service=ServiceCertificate(
                service.audits,
                service.agreements,
                service.pending,
                service.bound,
                service.until,
                service.certified and guard.is_fresh,
                service.suspended,
            ),
            uncounted=guard.age if guard.age >= FRESH else None,
            unguarded=guard.stops(config.guard_staleness),
        )


def _on_trial(candidate: Candidate | None) -> str | None:
    return f"{candidate.version} in {candidate.plan.mode}" if candidate else None
