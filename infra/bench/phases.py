"""Phases of a fit: what it says that it is doing, and the seconds and the CPU of each phase."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from infra.bench.report import Table

FIRST = "checking the traces"


@dataclass(frozen=True, slots=True)
class FitPhase:
    """Attributes:
    name: in words; of several times that a fit did the same, all together.
    seconds: by the clock.
    cpu: seconds of all threads of the process.
    """

    name: str
    seconds: float
    cpu: float


class FitPhases:
    """Told of each phase that begins, as the `progress` of a fit; begins with `FIRST`."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, float]] = {}
        self._doing = FIRST
        self._since = time.perf_counter(), time.process_time()

    def begin(self, _share: float, doing: str) -> None:
        """End the phase before, and begin this one."""
        now = time.perf_counter(), time.process_time()
        seconds, cpu = self._spent.get(self._doing, (0.0, 0.0))
        self._spent[self._doing] = (seconds + now[0] - self._since[0], cpu + now[1] - self._since[1])
        self._doing, self._since = doing, now

    def end(self) -> tuple[FitPhase, ...]:
        """All phases, in the order in which they began."""
        self.begin(1.0, FIRST)
        return tuple(FitPhase(name, *spent) for name, spent in self._spent.items())


def phases_table(title: str, fits: dict[str, Sequence[Sequence[FitPhase]]]) -> Table:
    """The median seconds and CPU of each phase.

    Args:
        fits: by name, the phases of each run.
    """
    rows = [
        (f"{name}: {phase.name}", *_medians([phases_by_name(run)[phase.name] for run in runs]))
        for name, runs in fits.items()
        for phase in (*runs[0], _total(runs[0]))
    ]
    return Table(title, ("phase", "seconds", "CPU"), tuple(rows))


def phases_by_name(phases: Sequence[FitPhase]) -> dict[str, FitPhase]:
    """Each phase, and the sum of all as the phase `all`."""
    return {phase.name: phase for phase in (*phases, _total(phases))}


def _total(phases: Sequence[FitPhase]) -> FitPhase:
    seconds, cpu = (sum(phase.seconds for phase in phases), sum(phase.cpu for phase in phases))
    return FitPhase("all", seconds, cpu)


def _medians(phases: Sequence[FitPhase]) -> tuple[str, str]:
    return f"{median(one.seconds for one in phases):.2f}", f"{median(one.cpu for one in phases):.2f}"
