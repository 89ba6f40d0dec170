"""Config copy: what config messages have set, on disk, for a gateway that starts while Kafka is away.

It is used only until the topic is read, and nothing is answered by it: it says which LLM a call goes to.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from models.artifact import OWNER_ONLY, write_atomically
from schemas.config import NOTHING, parse_override
from schemas.errors import InvalidConfig
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_Raw = dict[str, msgspec.Raw]


class ConfigCopy:
    """Used on the event loop only."""

    def __init__(self, file: Path, tasks: Tasks) -> None:
        self._file = file
        self._live_tasks = tasks
        self._applied: set[str] = set()
        self._is_read = False

    def restore(self) -> None:
        """Configure the tasks as the copy says; what the topic has said already holds."""
        for key, raw in self._read().items():
            if key in self._applied:
                continue
            try:
                self._live_tasks.configure(key, parse_override(bytes(raw), key=key))
            except InvalidConfig as error:
                log.warning("config copy ignored: task=%s: %s", key, error)

    def note_applied(self, keys: Iterable[str]) -> None:
        """Messages with these keys were applied."""
        self._applied.update(keys)
        if self._is_read:
            self._write()

    def note_read(self) -> None:
        """The topic was read to its end: what it does not say any more does not hold."""
        self._is_read = True
        for key in self._live_tasks.overrides.keys() - self._applied:
            self._live_tasks.configure(key, NOTHING)
        self._write()

    def _read(self) -> _Raw:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Raw)
        except FileNotFoundError:
            log.warning("no copy of the config on disk, calls get a 503 until Kafka is there: %s", self._file)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.warning("config copy on disk is unreadable, ignored: %s: %s", self._file, error)
        return {}

    def _write(self) -> None:
        overrides = {key: dict(override) for key, override in self._live_tasks.overrides.items()}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, msgspec.json.encode(overrides), OWNER_ONLY)
        except OSError as error:
            log.error("could not copy the config to disk, a start without Kafka misses it: %s", error)
