"""Runs several workers of the same roles on this host, a process each, until they are stopped.

A process that ends by itself is started again, after a pause that doubles while it keeps ending; its
successor takes over its slot. Where this process is killed, the workers stop in good order by themselves.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

from streams.settings import Settings

log = logging.getLogger(__name__)

STEADY_S = 60.0
"""Seconds after which a process that ends is started again as if it had never ended before."""

_SPAWN = multiprocessing.get_context("spawn")
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_LOOK_S = 0.2

Work = Callable[[int], None]
"""Runs the worker of this number, from 0, until SIGTERM. Importable by name."""


def process_settings(settings: Settings, number: int) -> Settings:
    """The settings of one of the processes: a slot and a port for metrics of its own."""
    slot = None if settings.slot is None else f"{settings.slot}-{number}"
    port = settings.metrics.port and settings.metrics.port + number
    metrics = settings.metrics.model_copy(update={"port": port})
    return settings.model_copy(update={"slot": slot, "metrics": metrics})


def restart_pause(ends: int) -> float:
    """Seconds until a process is started again that has ended so often in a row, soon after its start."""
    return min(_SHORTEST_PAUSE * 2.0 ** min(ends - 1, 10), _LONGEST_PAUSE)


@dataclass(slots=True)
class _Seat:
    """One of the workers: its process, or the time from which on the next may start."""

    process: SpawnProcess | None = None
    started: float = 0.0
    ends: int = 0
    due: float = 0.0


class WorkerProcesses:
    """The processes and their restarts.

    Args:
        work: what each process runs.
        count: how many, at least 1.
        patience: seconds that they have to stop in before they are killed.
    """

    def __init__(self, work: Work, count: int, patience: float) -> None:
        self._work = work
        self._patience = patience
        self._seats = [_Seat() for _ in range(count)]
        self._signals = 0

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; a second one kills the processes at once."""
        with self._signals_counted():
            while not self._signals:
                self._start_due(time.monotonic())
                self._await_change()
                self._note_ends(time.monotonic())
            self._stop()

    @contextmanager
    def _signals_counted(self) -> Iterator[None]:
        def count(*_: object) -> None:
            self._signals += 1

        before = {number: signal.signal(number, count) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start_due(self, now: float) -> None:
        for number, seat in enumerate(self._seats):
            if seat.process is None and now >= seat.due:
                seat.process, seat.started = _SPAWN.Process(target=_child, args=(self._work, number)), now
                seat.process.start()
                log.info("a worker process starts: number=%d pid=%s", number, seat.process.pid)

    def _await_change(self) -> None:
        """Until a process ends, at most for as long as a signal may wait to be seen."""
        wait([process.sentinel for process in self._alive()], timeout=_LOOK_S)

    def _note_ends(self, now: float) -> None:
        for number, seat in enumerate(self._seats):
            if seat.process is None or seat.process.is_alive():
                continue
            seat.ends = seat.ends + 1 if now - seat.started < STEADY_S else 1
            seat.due = now + restart_pause(seat.ends)
            log.error(
                "a worker process ended by itself and is started again in %.0f s: number=%d pid=%s status=%s",
                seat.due - now,
                number,
                seat.process.pid,
                seat.process.exitcode,
            )
            seat.process = None

    def _stop(self) -> None:
        for process in self._alive():
            process.terminate()
        end = time.monotonic() + self._patience
        while self._alive() and self._signals < 2 and time.monotonic() < end:
            self._await_change()
        for process in self._alive():
            log.warning("a worker process did not stop in time and is killed: pid=%s", process.pid)
            process.kill()
            process.join()

    def _alive(self) -> list[SpawnProcess]:
        return [seat.process for seat in self._seats if seat.process is not None and seat.process.is_alive()]


def _child(work: Work, number: int) -> None:
    # Ctrl-C in a terminal reaches the parent alone, which then stops the workers one way for all signals.
    os.setpgid(0, 0)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    work(number)


def _stop_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
