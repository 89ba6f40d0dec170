"""CPU, memory, threads, open files and wake-ups of a process and all below it, as Linux counts them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from infra.errors import MissingData

_PROC = Path("/proc")
_AFTER_NAME = ") "
"""A process's name may hold spaces and brackets; what follows its last bracket does not."""
_PARENT, _USER_TICKS, _SYSTEM_TICKS = 1, 11, 12


class ProcessUsage(Struct, frozen=True):
    """Of all these processes together.

    Attributes:
        cpu: seconds so far.
        rss: MB in memory, pages that processes share counted in each of them.
        pss: the same with each shared page divided by those who share it.
        threads, files: open now.
        wakeups: how often a thread has waited for something so far, and was woken.
    """

    processes: int
    cpu: float
    rss: float
    pss: float
    threads: int
    files: int
    wakeups: int


def require_proc() -> None:
    """Raises MissingData: this system does not say what a process costs."""
    if not Path("/proc/self/smaps_rollup").is_file():
        raise MissingData("the costs of a process are read from /proc, which this system lacks: use Linux")


def usage(process: int) -> ProcessUsage:
    """Of the process of this number, and of all processes below it."""
    parts = [_usage_of_one(number) for number in family(process)]
    return ProcessUsage(
        processes=len(parts),
        cpu=sum(part.cpu for part in parts),
        rss=sum(part.rss for part in parts),
        pss=sum(part.pss for part in parts),
        threads=sum(part.threads for part in parts),
        files=sum(part.files for part in parts),
        wakeups=sum(part.wakeups for part in parts),
    )


def family(process: int) -> list[int]:
    """The process, and those that it has started, and those that these have started."""
    parents = dict(_parents())
    found = [process]
    for number in found:  # grows meanwhile
        found.extend(child for child, parent in parents.items() if parent == number)
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                yield int(folder.name), int(_fields(folder)[_PARENT])


def _usage_of_one(process: int) -> ProcessUsage:
    folder = _PROC / str(process)
    fields, memory = _fields(folder), _sizes(folder / "smaps_rollup")
    threads = list((folder / "task").iterdir())
    return ProcessUsage(
        processes=1,
        cpu=(int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK"),
        rss=memory["Rss"],
        pss=memory["Pss"],
        threads=len(threads),
        files=len(list((folder / "fd").iterdir())),
        wakeups=sum(map(_wakeups, threads)),
    )


def _fields(folder: Path) -> list[str]:
    """Of `stat`, from the process's state on."""
    return (folder / "stat").read_text().rpartition(_AFTER_NAME)[2].split()


def _sizes(path: Path) -> dict[str, float]:
    """MB by name."""
    lines = (line.partition(":") for line in path.read_text().splitlines()[1:])
    return {name: int(value.split()[0]) * 1_024 / 1e6 for name, _, value in lines}


def _wakeups(thread: Path) -> int:
    """A thread that has ended takes its count with it."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in (thread / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                return int(line.split()[1])
    return 0
