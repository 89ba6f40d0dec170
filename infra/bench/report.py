"""What every benchmark reports: figures, each beside its reference, and the machine they hold for."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from infra.bench.tables import Table

LEAST_RUNS = 3
_PROCESSORS = Path("/proc/cpuinfo")


class Figure(Struct, frozen=True):
    """One figure.

    Attributes:
        value: median of the runs, in `unit`.
        reference: what it is compared with, in words; None where there is nothing to compare with.
        reference_value: the reference's median in the same runs, in the same unit.
        ratio: value / reference_value, whichever of them ought to be smaller.
    """

    name: str
    value: float
    unit: str
    reference: str | None = None
    reference_value: float | None = None
    ratio: float | None = None


class Report(Struct, frozen=True):
    """What `understudy bench X --json` prints; people are shown the tables instead, where there are any.

    Attributes:
        notes: sentences about what is missing.
    """

    machine: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


def figure(
    name: str,
    values: Sequence[float],
    unit: str,
    reference: str | None = None,
    reference_values: Sequence[float] = (),
) -> Figure:
    """The medians of the runs, to four significant digits, and their ratio.

    Args:
        values: one for each run, at least one.
        reference_values: likewise; none where there is no reference.
    """
    value = statistics.median(values)
    if reference is None or not reference_values:
        return Figure(name, _rounded(value), unit)
    other = statistics.median(reference_values)
    ratio = _rounded(value / other) if other else None
    return Figure(name, _rounded(value), unit, reference, _rounded(other), ratio)


def report(figures: Sequence[Figure], tables: Sequence[Table] = (), notes: Sequence[str] = ()) -> Report:
    return Report(machine(), tuple(figures), tuple(tables), tuple(notes))


def alternating(runs: int, *contestants: Callable[[], float]) -> list[list[float]]:
    """What each contestant measures in each run, [contestants][runs].

    They take turns, so that a machine that is busy for a while is busy for all of them.
    """
    turns = [[contestant() for contestant in contestants] for _ in range(runs)]
    return [list(column) for column in zip(*turns, strict=True)]


def machine() -> str:
    """Processor, system and Python; no name or path of the host."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{count} x {_processor()}, {system}"


def _processor() -> str:
    if _PROCESSORS.is_file():
        for line in _PROCESSORS.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "processor"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
