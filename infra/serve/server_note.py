"""Note of servers that a running `understudy up` or `demo` has started: other terminals find them by it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.errors import AlreadyRunning
from streams.settings import PREFIX, Settings

DEFAULT_TASK = "default"


@dataclass(frozen=True, slots=True)
class Embedded:
    """Where servers listen that a process has started for itself.

    Attributes:
        pid: of that process.
        kafka: bootstrap servers.
        redis: URL.
        task: what is meant where a command names no task.
        data: folder that keeps what they hold; None where all of it is in memory.
    """

    pid: int
    kafka: str
    redis: str
    task: str = DEFAULT_TASK
    data: str | None = None


def refuse_second(note: Path) -> None:
    """Raises AlreadyRunning: a living process has servers under this note."""
    found = read_note(note)
    if found is not None:
        raise AlreadyRunning(
            f"process {found.pid} (`understudy up` or `demo`) has servers of its own already: Kafka "
            f"{found.kafka}, Redis {found.redis}. Stop it (`kill {found.pid}`), or run this one under "
            f"another name: {PREFIX}PREFIX=second"
        )


@contextmanager
def announce(note: Path, embedded: Embedded) -> Iterator[None]:
    """Keep a note of the servers while they run. Raises AlreadyRunning: another process was faster."""
    note.parent.mkdir(parents=True, exist_ok=True)
    refuse_second(note)
    note.unlink(missing_ok=True)  # of a process that was killed
    try:
        with note.open("x") as file:
            file.write(json.dumps(asdict(embedded)))
    except FileExistsError as error:
        raise AlreadyRunning(f"another process has just started servers of its own, see {note}") from error
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def read_note(note: Path) -> Embedded | None:
    """What the note says, if its process lives."""
    try:
        found = Embedded(**json.loads(note.read_text()))
        os.kill(found.pid, 0)
    except (FileNotFoundError, ProcessLookupError, PermissionError, ValueError, TypeError):
        return None
    return found


def note_file(settings: Settings) -> Path:
    return settings.data / f"{settings.prefix}.embedded.json"
