"""Worker slots: a name that a restarted worker finds again, so that it fences its dead predecessor.

A slot is a locked file. The operating system drops the lock when its owner ends, also by kill -9.
"""

import fcntl
import itertools
from pathlib import Path
from typing import IO


class Slot:
    """The first free slot of this host, held until the process ends.

    Attributes:
        number: 0 for the first worker, and so on.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file, self.number = next(
            (file, number) for number in itertools.count() if (file := _lock(directory / f"{number}.lock"))
        )

    def release(self) -> None:
        self._file.close()


def _lock(path: Path) -> IO[bytes] | None:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
