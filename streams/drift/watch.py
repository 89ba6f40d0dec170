"""Looks at full windows of requests: says how they differ from the training traces, and asks for a refit.

Each kind of signal is told once for a version, by each process that sees it. A refit that is asked for is
certified on traces from the window on, like one after an alarm. Nothing is loosened, and nothing is stopped:
only audits say whether the teacher still agrees.
"""

import asyncio
import logging
from collections.abc import Collection

from mode import Service

from models.drift import Signal, drift_signals
from schemas.events import DriftDetails, Event
from streams.clock import unix_ms
from streams.drift.windows import ScoreWindow, ScoreWindows
from streams.errors import StateUnavailable
from streams.kafka.event_publisher import EventPublisher
from streams.sampling import audit_rate
from streams.state.refit_queue import RefitQueue
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_LOOK = 2.0


class DriftWatch(Service):
    """Beside a router, whose `traffic` it looks at."""

    def __init__(
        self, live: Tasks, traffic: ScoreWindows, refits: RefitQueue, event_publisher: EventPublisher
    ) -> None:
        super().__init__()
        self._live = live
        self._traffic = traffic
        self._refits = refits
        self._event_publisher = event_publisher
        self._told: dict[str, tuple[str, frozenset[str]]] = {}

    async def on_start(self) -> None:
        self.add_future(self._watch())

    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(_LOOK)
            await self.look()

    async def look(self) -> None:
        """Look at all windows that are full."""
        for name, window in self._traffic.full().items():
            fresh = self._untold(name, window.version, await self._signals(name, window))
            if fresh:
                await self._tell(name, window, fresh)

    async def _signals(self, name: str, window: ScoreWindow) -> tuple[Signal, ...]:
        policy = self._live.task(name).policy
        if policy is None or policy.manifest.reference is not window.reference:
            return ()
        return await asyncio.to_thread(drift_signals, window.reference, window.counts, policy.manifest.labels)

    def _untold(self, name: str, version: str, found: Collection[Signal]) -> list[Signal]:
        before, kinds = self._told.get(name, (version, frozenset[str]()))
        known = kinds if before == version else frozenset[str]()
        fresh = [signal for signal in found if signal.kind not in known]
        self._told[name] = version, known | {signal.kind for signal in fresh}
        return fresh

    async def _tell(self, name: str, window: ScoreWindow, found: Collection[Signal]) -> None:
        config = self._live.task(name).config
        # Without audits nothing could ever certify the refit, which would be waited for in vain.
        asks = config.refit.on_drift and audit_rate(config, certified=True) > 0.0
        self._event_publisher.publish(drift_event(name, window, found, asks, unix_ms()))
        if asks:
            try:
                await self._refits.request(
                    name, window.since, f"drift: {'; '.join(s.sentence for s in found)}"
                )
            except StateUnavailable as error:
                log.warning("no refit of task %s is asked for, though its traffic drifts: %s", name, error)


def drift_event(task: str, window: ScoreWindow, signals: Collection[Signal], refits: bool, at: int) -> Event:
    """Requests no longer look like what a version has learned from."""
    refit = "A refit on traces from now on is requested" if refits else "No refit is requested"
    message = (
        f"{task}: traffic has drifted: of the last {window.counts.rows} requests that {window.version} has "
        f"scored here, {'; '.join(signal.sentence for signal in signals)}. {refit}"
    )
    details = DriftDetails(
        version=window.version,
        requests=window.counts.rows,
        since=window.since,
        signals={signal.kind: signal.chance for signal in signals},
        refit=refits,
    )
    return details.event(task, at, message)
