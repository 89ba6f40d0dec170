"""Figures and tables of a benchmark, each figure next to its reference, and the machine they hold for.

Tables are aligned Markdown, so that a terminal and a README show the same.
"""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

LEAST_RUNS = 3
_PROCESSORS = Path("/proc/cpuinfo")


class Table(Struct, frozen=True):
    """Attributes:
    title: what it shows, and on which rows.
    columns: names, the first of them that of the rows.
    rows: cells as they are shown, as many as there are columns.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


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
    """What `understudy bench X --json` prints; people see the tables instead, where there are any.

    Attributes:
        notes: sentences about what is missing.
        failed: what must hold did not; the command ends with status 1.
    """

    machine: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    failed: bool = False


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
        return Figure(name, _round(value), unit)
    other = statistics.median(reference_values)
    ratio = _round(value / other) if other else None
    return Figure(name, _round(value), unit, reference, _round(other), ratio)


def report(figures: Sequence[Figure], tables: Sequence[Table] = (), notes: Sequence[str] = ()) -> Report:
    return Report(machine(), tuple(figures), tuple(tables), tuple(notes))


def alternate(runs: int, *contestants: Callable[[], float]) -> list[list[float]]:
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


def table_lines(table: Table) -> list[str]:
    """The table in Markdown: its first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [table.title, "", *(_row_line(row, widths) for row in (table.columns, rule, *table.rows)), ""]


def format_share(value: float | None) -> str:
    """As coverage and agreement are written: three digits, no leading zero; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.3f}".removeprefix("0")


def format_shares(values: Sequence[float | None]) -> str:
    return "/".join(map(format_share, values))


def _row_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join([first, *others])} |"


def _processor() -> str:
    if _PROCESSORS.is_file():
        for line in _PROCESSORS.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "processor"


def _round(value: float) -> float:
    return float(f"{value:.4g}")
