"""Disk cache of the live policies and their safeguards, so that a worker can start while Redis is away."""

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from models.artifact import Artifact, write_atomically
from models.errors import PolicyError
from models.manifest import Manifest
from streams.versions.breaker_state import Breaker, Safeguards

log = logging.getLogger(__name__)

_ACTIVE = "active"
_LOCK = "lock"
_SAFEGUARDS = "safeguards.json"

# Newer than a breaker that never changed: an unreadable copy stops all answers until Redis says otherwise.
_UNREADABLE = Safeguards(Breaker(open=True, since=1, reason="the breaker's copy on disk is unreadable"))


class PolicyDiskCache:
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
        with self._lock(task) as folder:
            artifact.write(folder / version)
            write_atomically(folder / _ACTIVE, version.encode())
            for other in folder.iterdir():
                if other.is_dir() and other.name != version:
                    shutil.rmtree(other, ignore_errors=True)

    def save_safeguards(self, task: str, safeguards: Safeguards) -> None:
        """Keep the task's safeguards; a worker that lags behind does not undo a newer breaker.

        Raises:
            OSError: the disk does not take it.
        """
        with self._lock(task) as folder:
            path = folder / _SAFEGUARDS
            newest = safeguards.after(_read_safeguards(path)) if path.exists() else safeguards
            write_atomically(path, msgspec.json.encode(newest))

    def remove(self, task: str, at: int) -> None:
        """Remove the copies of a task's policies, and of what stops them, if they were fitted by `at`.

        Args:
            at: Unix milliseconds. A policy whose time can't be read is removed too.

        Raises:
            OSError: the disk does not let go of them.
        """
        if not (self._directory / task).is_dir():
            return
        with self._lock(task) as folder:
            if any(_fitted_at(place) > at for place in folder.iterdir() if place.is_dir()):
                return
            for place in folder.iterdir():
                if place.is_dir():
                    shutil.rmtree(place)
                elif place.name != _LOCK:
                    place.unlink()

    def safeguards(self) -> dict[str, Safeguards]:
        """The safeguards of each task; an unreadable copy stops all answers."""
        return {path.parent.name: _read_safeguards(path) for path in self._directory.glob(f"*/{_SAFEGUARDS}")}

    def policies(self) -> dict[str, Artifact]:
        """The active policy of every task, unverified; an unreadable one is left out, and logged."""
        policies = {}
        for pointer in self._directory.glob(f"*/{_ACTIVE}"):
            try:
                policies[pointer.parent.name] = Artifact.read(pointer.parent / pointer.read_text())
            except (OSError, ValueError, PolicyError) as error:
                log.warning("policy copy on disk is unreadable, skipped: %s", error)
        return policies

    @contextmanager
    def _lock(self, task: str) -> Iterator[Path]:
        folder = self._directory / task
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


def _fitted_at(folder: Path) -> int:
    """Unix milliseconds; 0 where it can't be read."""
    try:
        return Manifest.decode(Artifact.read(folder).manifest).created_at
    except (OSError, PolicyError):
        return 0


def _read_safeguards(path: Path) -> Safeguards:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Safeguards)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        log.warning(
            "breaker copy on disk is unreadable, so everything is deferred until Redis is read: %s: %s",
            path,
            error,
        )
        return _UNREADABLE
