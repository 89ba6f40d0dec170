"""Fleet: two workers of each role, and a supervisor that starts again what has ended by itself."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Self

from infra.bench.chaos.plan import NUMBERS
from infra.harness.deployment import Deployment
from infra.harness.worker import Worker

READY = "the worker is ready"
_LOOK_S = 0.5
_READY_S = 120.0
_LAST_WORDS = 1_500
_CLOCK = Path(__file__).with_name("shifted_clock")
_ROOT = Path(__file__).parents[3]

Seat = tuple[str, int]
"""A role and a number."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker that has ended by itself: its last words, and whether it had been ready."""

    seat: Seat
    status: int
    was_ready: bool
    words: str

    @property
    def reason(self) -> str:
        """The last line of what it said that names an error."""
        said = [line for line in self.words.splitlines() if "CRITICAL" in line or "Error" in line]
        return said[-1] if said else self.words[-200:]


class Fleet:
    """Workers by their seats. A fault holds the seat that it hits, so that nobody else starts it.

    Attributes:
        ended: workers that have ended by themselves, oldest first.
    """

    def __init__(self, deployment: Deployment, roles: Sequence[str]) -> None:
        self.seats: tuple[Seat, ...] = tuple((role, number) for role in roles for number in NUMBERS)
        self.ended: list[Ended] = []
        self.restarts = 0
        self._deployment = deployment
        self._workers: dict[Seat, Worker] = {}
        self._held = {seat: threading.RLock() for seat in self.seats}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        for seat in self.seats:
            self.start(seat)
        for worker in self._workers.values():
            worker.wait_for_text(READY, _READY_S)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._deployment.close()

    def hold(self, seat: Seat) -> AbstractContextManager[object]:
        """The seat, for as long as the context lasts."""
        return self._held[seat]

    def worker(self, seat: Seat) -> Worker:
        return self._workers[seat]

    def start(self, seat: Seat, clock_ahead: float = 0.0) -> Worker:
        """Start a worker on this seat, under the slot of the one before; does not wait until it is ready."""
        role, number = seat
        ahead = {
            "PYTHONPATH": f"{_CLOCK}:{_ROOT}",
            "UNDERSTUDY_TEST_CLOCK_AHEAD": str(clock_ahead),
        }
        variables = ahead if clock_ahead else {}
        slot = f"{role}-{number}"
        worker = self._deployment.process(
            "infra.cli", "worker", role, **{"UNDERSTUDY_SLOT": slot, **variables}
        )
        self._workers[seat] = worker
        return worker

    def stop(self, seat: Seat) -> None:
        """Stop a worker by SIGTERM; one that does not stop in a minute is killed, and noted as ended."""
        worker = self._workers[seat]
        try:
            worker.stop()
        except TimeoutExpired:
            worker.kill()
            self._note(seat, worker)

    def _supervise(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            for seat in self.seats:
                if not self._held[seat].acquire(blocking=False):
                    continue
                try:
                    worker = self._workers[seat]
                    if not worker.runs:
                        self._note(seat, worker)
                        self.start(seat)
                finally:
                    self._held[seat].release()

    def _note(self, seat: Seat, worker: Worker) -> None:
        words = worker.output()
        status = worker.process.returncode
        self.ended.append(Ended(seat, status, READY in words, words[-_LAST_WORDS:]))
