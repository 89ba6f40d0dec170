"""Heartbeat of a worker: says every few seconds in Redis that it runs, with which roles, and what is wrong.

Nothing depends on it but what people are shown.
"""

import logging
from collections.abc import Callable, Iterable

from mode import Service

from streams.errors import StateUnavailable
from streams.state.workers import EncoderReport, EndpointReport, WorkerReport, WorkerStore

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between two reports."""
STALE = 20.0
"""Seconds after which a worker that has said nothing is taken for hanging or killed."""
_MOST_PROBLEMS = 5
_MOST_ENDPOINTS = 100
_MOST_ENCODERS = 100


class WorkerHeartbeat(Service):
    """Args:
    report: what does not change.
    problems: why the process is not ready.
    """

    def __init__(
        self, store: WorkerStore, report: WorkerReport, problems: Callable[[], Iterable[str]]
    ) -> None:
        super().__init__()
        self._store = store
        self._report = report
        self._problems = problems
        self._endpoints: list[Callable[[], Iterable[EndpointReport]]] = []
        self._encoders: list[Callable[[], Iterable[EncoderReport]]] = []

    def show_endpoints(self, endpoints: Callable[[], Iterable[EndpointReport]]) -> None:
        """Report these, too."""
        self._endpoints.append(endpoints)

    def show_encoders(self, encoders: Callable[[], Iterable[EncoderReport]]) -> None:
        """Report these, too; those that can't be used first, where there are many."""
        self._encoders.append(encoders)

    def report(self) -> WorkerReport:
        """What is said now."""
        endpoints = [endpoint for read in self._endpoints for endpoint in read()]
        encoders = [encoder for read in self._encoders for encoder in read()]
        encoders.sort(key=lambda one: not one.problem)
        report = self._report
        return WorkerReport(
            name=report.name,
            host=report.host,
            roles=report.roles,
            started_at=report.started_at,
            problems=tuple(self._problems())[:_MOST_PROBLEMS],
            endpoints=tuple(endpoints[:_MOST_ENDPOINTS]),
            encoders=tuple(encoders[:_MOST_ENCODERS]),
        )

    async def on_start(self) -> None:
        self.add_future(self._repeat())

    async def on_stop(self) -> None:
        try:
            await self._store.remove(self._report.name)
        except StateUnavailable as error:
            log.debug("worker's report stays in Redis until it is an hour old: %s", error)

    async def _repeat(self) -> None:
        while not self.should_stop:
            try:
                await self._store.beat(self.report())
            except StateUnavailable as error:
                log.debug("worker's report not given, will retry: %s", error)
            await self.sleep(INTERVAL)
