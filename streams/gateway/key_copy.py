"""Key copy: the keys of apps on disk, as hashes, for a gateway that starts while Redis is away.

A key that was revoked meanwhile holds until Redis is back, as it does in a gateway that runs; so an old copy
is not used.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from models.artifact import OWNER_ONLY, write_atomically
from schemas.api_keys import ApiKey
from streams.clock import unix_ms

log = logging.getLogger(__name__)

_HOUR = 3_600_000


class _Copy(msgspec.Struct, frozen=True):
    """Attributes:
    at: when Redis had these, Unix milliseconds.
    were_keys: there were some before.
    """

    at: int
    keys: dict[str, ApiKey]
    were_keys: bool = False


class KeyCopy:
    """One file; written where something has changed, and once an hour.

    Args:
        valid_for: seconds for which a copy may be used.
    """

    def __init__(self, file: Path, valid_for: float) -> None:
        self.file = file
        self._valid_for = valid_for
        self._written: _Copy | None = None

    def read(self) -> Mapping[str, ApiKey] | None:
        """The keys; None where there is no copy that can be used."""
        copy = self._decoded()
        if copy is None:
            return None
        if not 0 <= unix_ms() - copy.at < self._valid_for * 1000.0:
            log.warning(
                "copy of keys on disk is older than `keys_valid_for` (%g s), ignored: %s",
                self._valid_for,
                self.file,
            )
            return None
        log.warning("keys are those of the copy on disk until Redis is back: %s", self.file)
        return copy.keys

    @property
    def were_keys(self) -> bool:
        """Whether there have ever been keys, as far as the file says."""
        copy = self._written or self._decoded()
        return copy is not None and (copy.were_keys or bool(copy.keys))

    def _decoded(self) -> _Copy | None:
        try:
            return msgspec.json.decode(self.file.read_bytes(), type=_Copy)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.warning("copy of keys on disk is unreadable, ignored: %s: %s", self.file, error)
            return None

    def write(self, keys: Mapping[str, ApiKey]) -> None:
        """Keep these, which Redis has now."""
        now, were_keys = unix_ms(), self.were_keys
        before = self._written
        if before is not None and before.keys == keys and now - before.at < _HOUR:
            return
        self._written = _Copy(now, dict(keys), were_keys)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.file, msgspec.json.encode(self._written), OWNER_ONLY)
        except OSError as error:
            log.error("could not copy the keys to disk, a start without Redis refuses calls: %s", error)
