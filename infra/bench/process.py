"""Processes of a benchmark: work in a fresh one, so that its peak memory is its own; and progress."""

import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Measured(Generic[Result]):
    """Attributes:
    result: of the work.
    memory: most that the process had in memory, in MB, libraries and data included.
    """

    result: Result
    memory: float


def run_alone(work: Callable[..., Result], *arguments: Any) -> Measured[Result]:
    """Call `work`, which can be pickled, with these arguments in a new process; raises what it raises."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, work, arguments).result()


def peak_memory() -> float:
    """Most that this process had in memory so far, in MB.

    Linux counts into a new process's `ru_maxrss` what its parent held when it started it; `VmHWM` does not.
    """
    if _STATUS.is_file():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def print_progress(text: str) -> None:
    """A line on standard error: standard output is for the report."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _measure(work: Callable[..., Result], arguments: tuple[Any, ...]) -> Measured[Result]:
    result = work(*arguments)
    return Measured(result, peak_memory())
