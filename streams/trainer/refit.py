"""Runs one refit, from its plan to its event; the caller holds the task's lease.

The steps, in this plan:

    1. fit in a child process, starting from the active policy
    2. refuse a candidate that would answer less than an active policy that does well
    3. refuse one that fails a case of the task's battery
    4. publish with the fencing token, live or on trial: refused if the lease was lost meanwhile
    5. return the event: promoted, on trial, or refused and why; and have a process ready for the next fit
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.artifact import Artifact
from models.embedders.kinds import needs_encoder
from models.manifest import Manifest
from models.training.options import Options
from models.training.request import FitRequest
from models.training.result import FitResult, FitSummary
from schemas.errors import InvalidVector
from schemas.events import Event
from schemas.messages import Trace
from streams.battery.check import battery_failure
from streams.clock import unix_ms
from streams.errors import RefitFailed, RefitStopped, TransitionRefused
from streams.kafka.event_publisher import EventPublisher
from streams.label_set import known_labels
from streams.state.registry import Registry
from streams.tasks import Task
from streams.trainer.comparison import better_live_version
from streams.trainer.events import (
    promoted_event,
    refit_started_event,
    refused_event,
)
from streams.trainer.fit_process import FitProcess
from streams.trainer.trace_labels import offered_labels
from streams.trainer.trace_selection import TraceCutoffs, exclusion_reasons, recent_traces
from streams.trainer.trigger import RefitAsked
from streams.trainer.truths import Truths
from streams.trainer.window import encoder_of, teachers, training_set
from streams.versions.events import on_trial_event
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import plan_of
from streams.versions.serving_state import ServingChange
from streams.versions.version_names import version_name

log = logging.getLogger(__name__)

_BY = "trainer"


@dataclass(frozen=True, slots=True)
class RefitPlan:
    """A refit that is due.

    Attributes:
        traces: those that the task's embedder can use, oldest first.
        stopped: the breaker was open when it became due.
        asked: the request, where there was one.
    """

    task: Task
    traces: list[Trace]
    since: TraceCutoffs
    stopped: bool
    asked: RefitAsked | None = None


class RefitOutcome(NamedTuple):
    """Attributes:
    event: to publish: promoted, on trial, or refused.
    is_done: the request for the refit is done: a version was published, or none is needed.
    """

    event: Event
    is_done: bool


class RefitRunner:
    """Runs one refit at a time, until it is stopped.

    Args:
        truths: right labels of requests, as far as they were told.
    """

    def __init__(self, registry: Registry, event_publisher: EventPublisher, truths: Truths) -> None:
        self._registry = registry
        self._truths = truths
        self._event_publisher = event_publisher
        self._fit_process = FitProcess()

    def stop(self) -> None:
        """End the refit that is under way, and start no more."""
        self._fit_process.stop()

    async def run(
        self, plan: RefitPlan, serial: int, token: int, tell: Callable[[str], None] = lambda _: None
    ) -> RefitOutcome:
        """Fit, publish or refuse.

        Args:
            tell: told of each phase that begins.

        Raises:
            StateUnavailable: Redis is not available.
        """
        try:
            return await self._run(plan, serial, token, tell)
        finally:
            self._fit_process.prepare()

    async def _run(
        self, plan: RefitPlan, serial: int, token: int, tell: Callable[[str], None]
    ) -> RefitOutcome:
        version, task = version_name(serial), plan.task
        try:
            result = await self._fit(plan, version, tell)
            if result.artifact is None:
                reasons = (*result.refused, *exclusion_reasons(plan.traces, task.config, plan.since))
                return RefitOutcome(await self._refuse(task.name, version, reasons, token), False)
            tell("comparing and publishing")
            candidate = Manifest.decode(result.artifact.manifest)
            reason = await self._regression(plan, result.summary, candidate)
            if reason is not None:
                return RefitOutcome(await self._refuse(task.name, version, [reason], token), True)
            failure = await battery_failure(self._registry.battery, task.name, task.config, result.artifact)
            if failure is not None:
                return RefitOutcome(await self._refuse(task.name, version, [failure], token), False)
            change = await self._publish(plan, result.artifact, version, serial, token)
        except (RefitFailed, InvalidVector, TransitionRefused) as error:
            level = logging.INFO if isinstance(error, RefitStopped) else logging.ERROR
            log.log(level, "refit failed: %s, task=%s version=%s", error, task.name, version)
            return RefitOutcome(await self._refuse(task.name, version, [str(error)], token), False)
        if change is None:
            event = refused_event(task.name, version, ["another trainer holds the lease by now"], unix_ms())
            return RefitOutcome(event, False)
        return RefitOutcome(_outcome_event(plan, version, change, result.summary), True)

    async def _regression(self, plan: RefitPlan, summary: FitSummary, candidate: Manifest) -> str | None:
        """Why the live version stays live instead; None where it does not."""
        if plan.stopped:
            return None
        since = max(plan.since.certify, plan.since.teacher)
        coverage = summary.coverage(plan.task.config.aim)
        return await better_live_version(
            self._registry, plan.task.name, plan.task.config, candidate, coverage, plan.traces, since
        )

    async def _publish(
        self, plan: RefitPlan, artifact: Artifact, version: str, serial: int, token: int
    ) -> ServingChange | None:
        promotion, since = plan_of(plan.task.config), max(plan.since.certify, plan.since.teacher)
        return await self._registry.publish(
            plan.task.name, version, serial, token, artifact, unix_ms(), promotion, since
        )

    async def _refuse(self, name: str, version: str, reasons: Sequence[str], token: int) -> Event:
        now = unix_ms()
        move = Transition(version, None, VersionStage.REFUSED, now, _BY, "; ".join(reasons))
        await self._registry.refuse(name, move, token)
        return refused_event(name, version, reasons, now)

    async def _fit(self, plan: RefitPlan, version: str, tell: Callable[[str], None]) -> FitResult:
        task, config = plan.task, plan.task.config
        traces = await asyncio.to_thread(recent_traces, plan.traces, config, plan.since)
        newest = max((trace.replied_at for trace in traces), default=0)
        self._event_publisher.publish(refit_started_event(task.name, version, len(traces), newest, unix_ms()))
        active = await self._registry.active(task.name)
        parent = await self._registry.fetch(task.name, active.version) if active else None
        known = known_labels(Manifest.decode(parent.manifest)) if parent else None
        request = FitRequest(
            training=await asyncio.to_thread(
                training_set, self._truths.learned_traces(traces, config), config
            ),
            task=task.name,
            version=version,
            embedder=config.embedder,
            targets=(config.aim,),
            delta=config.delta,
            parent=parent,
            offered=offered_labels(known, traces, config.teacher),
            teachers=teachers(traces),
            encoder=encoder_of(traces) if needs_encoder(config.embedder) else None,
            repeats=await self._registry.repeat_counts(task.name),
            # What a report would show costs time that a stream waits for.
            options=Options(label_floor=config.label_floor, curve=0.0, recurring=config.refit.recurring),
        )
        return await self._fit_process.fit(request, config.refit.budget, tell)


def _outcome_event(plan: RefitPlan, version: str, change: ServingChange, summary: FitSummary) -> Event:
    task, config, state = plan.task.name, plan.task.config, change.moves[-1].after
    if state is not VersionStage.LIVE:
        return on_trial_event(task, version, state, plan_of(config), unix_ms())
    return promoted_event(task, config.aim, summary, change, unix_ms(), recovered=plan.stopped)
