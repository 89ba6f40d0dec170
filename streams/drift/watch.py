"""Drift watch: compares full windows of requests with the training traces, and requests a refit.

Each process makes one event for each kind of signal and version. A refit that is requested is calibrated on
traces from the window on, like one after an alarm. Drift loosens nothing, and stops nothing: only audits say
whether the teacher still agrees.
"""

import asyncio
import logging
from collections.abc import Collection

from mode import Service

from models.drift import Signal, coverage_signal, drift_signals
from models.manifest import Manifest
from schemas.events import DriftDetails, Event
from streams.clock import unix_ms
from streams.drift.deferrals import requests_refit
from streams.drift.windows import ScoreWindow, ScoreWindows
from streams.errors import StateUnavailable
from streams.kafka.event_publisher import EventPublisher
from streams.state.refit_queue import RefitQueue
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_LOOK = 2.0


class DriftWatch(Service):
    """Runs next to a router, whose `windows` it looks at."""

    def __init__(
        self, tasks: Tasks, windows: ScoreWindows, refits: RefitQueue, event_publisher: EventPublisher
    ) -> None:
        super().__init__()
        self._live_tasks = tasks
        self._windows = windows
        self._refits = refits
        self._event_publisher = event_publisher
        self._reported: dict[str, tuple[str, frozenset[str]]] = {}

    async def on_start(self) -> None:
        self.add_future(self._watch())

    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(_LOOK)
            await self.look()

    async def look(self) -> None:
        """Look at all windows that are full."""
        for name, window in self._windows.full().items():
            fresh = self._unreported(name, window.version, await self._signals(name, window))
            if fresh:
                await self._report(name, window, fresh)

    async def _signals(self, name: str, window: ScoreWindow) -> tuple[Signal, ...]:
        policy = self._live_tasks.task(name).policy
        if policy is None or policy.manifest.reference is not window.reference:
            return ()
        signals = await asyncio.to_thread(
            drift_signals, window.reference, window.counts, policy.manifest.labels
        )
        return (*signals, *self._coverage_signals(name, window, policy.manifest))

    def _coverage_signals(self, name: str, window: ScoreWindow, manifest: Manifest) -> list[Signal]:
        """None for a threshold set by hand, or once audits have blocked a label: no fit has promised that."""
        live = self._live_tasks.task(name).live
        points = [point for point in manifest.frontier if point.threshold == window.threshold]
        if live is None or live.blocked or not points:
            return []
        signal = coverage_signal(window.answered, window.decided, points[0].coverage)
        return [signal] if signal else []

    def _unreported(self, name: str, version: str, signals: Collection[Signal]) -> list[Signal]:
        before, kinds = self._reported.get(name, (version, frozenset[str]()))
        known = kinds if before == version else frozenset[str]()
        fresh = [signal for signal in signals if signal.kind not in known]
        self._reported[name] = version, known | {signal.kind for signal in fresh}
        return fresh

    async def _report(self, name: str, window: ScoreWindow, signals: Collection[Signal]) -> None:
        config = self._live_tasks.task(name).config
        refits = requests_refit(config)
        self._event_publisher.publish(drift_event(name, window, signals, refits, unix_ms()))
        if refits:
            try:
                await self._refits.request(
                    name, window.since, f"drift: {'; '.join(signal.sentence for signal in signals)}"
                )
            except StateUnavailable as error:
                log.warning("could not request a refit, though traffic drifts: task=%s: %s", name, error)


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
