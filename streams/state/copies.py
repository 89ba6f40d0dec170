"""Copies of the live policies on disk, so that a worker starts while Redis is away."""

import fcntl
import logging
import shutil
from pathlib import Path

from models.artifact import Artifact
from models.errors import PolicyError

log = logging.getLogger(__name__)

_ACTIVE = "active"
_LOCK = "lock"


class Copies:
    """One folder a task, in it a folder a version and the name of the active one.

    Args:
        directory: shared by the workers of a host, which write one after the other.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def save(self, task: str, version: str, artifact: Artifact) -> None:
        """Keep a policy as the task's active one, and drop the one before.

        Raises:
            OSError: the disk does not take it.
        """
        folder = self._directory / task
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            artifact.write(folder / version)
            pointer = folder / f"{_ACTIVE}.part"
            pointer.write_text(version)
            pointer.replace(folder / _ACTIVE)
            for other in folder.iterdir():
                if other.is_dir() and other.name != version:
                    shutil.rmtree(other, ignore_errors=True)

    def all(self) -> dict[str, Artifact]:
        """The active policy of every task, unverified; what can't be read is left out, and logged."""
        found = {}
        for pointer in self._directory.glob(f"*/{_ACTIVE}"):
            try:
                found[pointer.parent.name] = Artifact.read(pointer.parent / pointer.read_text())
            except (OSError, ValueError, PolicyError) as error:
                log.warning("the copy of a policy is left out: %s", error)
        return found
