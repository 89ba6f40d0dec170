"""Health of a process: whether it is alive, and whether it is ready for work.

Alive means that its event loop turns. Ready means that the worker has started (config is read, policies are
looked up) and that each of its consumers has heard which partitions it has, be it none.
"""

import asyncio
import time
from collections.abc import Callable, Iterator

from mode import Service

from streams.metrics.catalog import EVENT_LOOP_DELAY
from streams.metrics.registry import MetricRegistry, Readings

STUCK = 30.0
"""Seconds without a turn of the event loop after which a process is not alive."""

_TURN = 0.5
_SPAN = 10.0

Problem = Callable[[], str | None]


class Health:
    """What holds a process up; each problem is one sentence for people."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turned_at: float | None = None
        self._checks: list[Problem] = []
        self.has_started = False

    def add_check(self, check: Problem) -> None:
        """Have a part say why it is not ready; None: it is."""
        self._checks.append(check)

    def note_turn(self) -> None:
        """The event loop turns."""
        self._turned_at = self._clock()

    def not_alive(self) -> str | None:
        """Why the process should be restarted."""
        if self._turned_at is None or (stuck := self._clock() - self._turned_at) < STUCK:
            return None
        return f"the event loop has not turned for {stuck:.0f} s"

    def not_ready(self) -> list[str]:
        """Why the process should be given no work."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        if (stuck := self.not_alive()) is not None:
            yield stuck
        if not self.has_started:
            yield "the worker has not started yet: it reads the config and looks up policies"
        for check in self._checks:
            if (problem := check()) is not None:
                yield problem


class EventLoopWatch(Service):
    """Notes the event loop's turns, and how late they come."""

    def __init__(self, health: Health, metrics: MetricRegistry) -> None:
        super().__init__()
        self._process_health = health
        self._delays: list[tuple[float, float]] = []
        metrics.read_gauge(EVENT_LOOP_DELAY, self._longest)

    async def on_start(self) -> None:
        self.add_future(self._repeat())

    async def _repeat(self) -> None:
        while not self.should_stop:
            begun = time.monotonic()
            await asyncio.sleep(_TURN)
            now = time.monotonic()
            self._process_health.note_turn()
            recent = [each for each in self._delays if each[0] > now - _SPAN]
            self._delays = [*recent, (now, max(0.0, now - begun - _TURN))]

    def _longest(self) -> Readings:
        return [((), max((delay for _, delay in self._delays), default=0.0))]
