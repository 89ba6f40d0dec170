"""Appends the fallback's answers to a JSON Lines file, which the next fit reads."""

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from models.router.prediction import DecisionReason

log = logging.getLogger(__name__)

_ENCODER = msgspec.json.Encoder()


class TraceRecord(Struct, frozen=True, omit_defaults=True):
    """One answer of the fallback, a line of the file.

    Attributes:
        sampled: it belongs to a uniform sample of all traffic: an audit's draw, or anything while the router
            answers nothing. Only such traces calibrate the gate; all traces train.
        audit: the surrogate had answered; the fallback only checked it.
        inclusion: probability with which a request was sampled when this one was decided, in [0, 1].
        at: Unix milliseconds of the answer.
        embedding: the request's vector, little-endian float32 in base64; absent where it brought none.
    """

    id: str
    label: str
    sampled: bool
    audit: bool
    reason: DecisionReason
    inclusion: float
    at: int
    text: str | None = None
    guess: str | None = None
    score: float | None = None
    policy: str | None = None
    embedding: bytes | None = None


class TraceLog:
    """A file that grows by whole lines. Any thread, and several processes, may append to it.

    Each append is one write to the operating system: what was appended survives the end of the process.

    Raises:
        OSError: the file can't be opened for appending.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = self.path.open("ab", buffering=0)
        self._torn = _ends_within_a_line(self.path)

    def append(self, records: Sequence[TraceRecord]) -> bool:
        """Write the records; False, and a log line, where the file did not take them all."""
        if not records:
            return True
        lines = b"".join(map(_line, records))
        with self._lock:
            return self._write(b"\n" + lines if self._torn else lines)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _write(self, lines: bytes) -> bool:
        try:
            written = self._file.write(lines)
        except (OSError, ValueError) as error:
            log.error("traces not written, the answers were returned all the same: %s: %s", self.path, error)
            return False
        self._torn = written < len(lines)
        if self._torn:
            log.error("traces not written in full, is the disk full? the last line is torn: %s", self.path)
        return not self._torn


def _line(record: TraceRecord) -> bytes:
    """Lone surrogates, which have no UTF-8, become question marks."""
    try:
        return _ENCODER.encode(record) + b"\n"
    except UnicodeEncodeError:
        strings = {name: value for name, value in structs.asdict(record).items() if isinstance(value, str)}
        readable = {name: value.encode("utf-8", "replace").decode() for name, value in strings.items()}
        return _ENCODER.encode(structs.replace(record, **readable)) + b"\n"


def _ends_within_a_line(path: Path) -> bool:
    """Whether a crash or a full disk has left the last line without its end."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
