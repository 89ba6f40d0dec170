"""The promise that the simulations test, and the section of the report that each of them makes."""

from dataclasses import dataclass

import numpy as np

from infra.bench.report import Figure, Table

Generator = np.random.Generator
Section = tuple[Table, list[Figure]]


@dataclass(frozen=True, slots=True)
class Promise:
    """Attributes:
    target, delta: of the task.
    run_length: of its alarm.
    """

    target: float = 0.95
    delta: float = 0.05
    run_length: float = 10_000.0


def format_count(value: float) -> str:
    """A count as a table shows it; a dash where it was not reached."""
    return f"{value:,.0f}" if np.isfinite(value) else "-"
