"""Report of deferrals that agree less than expected: requests a refit, then emits an event.

Certify calls it, which sees the teacher's labels: once for each version, not for each process. A version that
does not answer any more is left alone. Nothing is stopped: only audits say whether the answers still agree.
"""

import asyncio

from schemas.config import Config
from schemas.events import DriftDetails, Event
from streams.certify.deferral_state import DeferralState
from streams.clock import unix_ms
from streams.kafka.event_publisher import EventPublisher
from streams.sampling import SamplingState, audit_rate
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.tasks import Tasks


class DeferralReport:
    """Called by certify; see `streams.certify.evidence.OnDeferralDrift`."""

    def __init__(
        self, tasks: Tasks, registry: Registry, refits: RefitQueue, event_publisher: EventPublisher
    ) -> None:
        self._live_tasks = tasks
        self._registry = registry
        self._refits = refits
        self._event_publisher = event_publisher
        self._reported: set[tuple[str, str, int]] = set()
        self._lock = asyncio.Lock()

    async def __call__(self, task: str, version: str, state: DeferralState) -> None:
        drift = task, version, state.begun.since
        # Folds of this process may find the same drift at the same time.
        async with self._lock:
            if drift not in self._reported:
                await self._report(task, version, state)
                self._reported.add(drift)

    async def _report(self, task: str, version: str, state: DeferralState) -> None:
        config = self._live_tasks.task(task).config
        if not config.deferral_drift or not await self._registry.may_answer(task, version):
            return
        refits = requests_refit(config)
        if refits:
            await self._refits.request(task, state.begun.since, f"drift: {deferrals_sentence(state)}")
        self._event_publisher.publish(deferral_drift_event(task, version, state, refits, unix_ms()))


def requests_refit(config: Config) -> bool:
    """Whether drift requests a refit. Without audits no sampled trace would ever calibrate it."""
    return config.refit.on_drift and audit_rate(config, SamplingState(certified=True)).rate > 0.0


def deferral_drift_event(task: str, version: str, state: DeferralState, refits: bool, at: int) -> Event:
    """The teacher agrees with the guesses of deferred requests less often than their scores say."""
    refit = "A refit on traces from then on is requested" if refits else "No refit is requested"
    message = (
        f"{task}: the teacher or the traffic has changed for {version}: {deferrals_sentence(state)}. {refit}"
    )
    details = DriftDetails(
        version=version,
        requests=state.begun.requests,
        since=state.begun.since,
        signals={"deferrals": state.chance},
        refit=refits,
    )
    return details.event(task, at, message)


def deferrals_sentence(state: DeferralState) -> str:
    """How often the teacher agreed since the fall began, and how often it was expected to."""
    begun = state.begun
    agreed, expected = begun.agreements / begun.requests, begun.expected / begun.requests
    return (
        f"of the last {begun.requests:,} requests that were deferred for a low score, the teacher agrees "
        f"with {agreed:.1%} of the guesses, and at least {expected:.1%} were expected"
    )
