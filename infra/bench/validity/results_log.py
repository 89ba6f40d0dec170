"""What was tried, a line a fit, so that a run that ends early is gone on with and not begun again."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from infra.bench.trial import Trial
from infra.bench.validity.draws import DrawCell
from infra.errors import InvalidFile, UnusableOutput

_BEGINNING = b'{"contestant":'

Task = tuple[str, DrawCell]
"""Who fits what."""


class Entry(Struct, frozen=True):
    """One fit: who, on what, and what came of it."""

    contestant: str
    cell: DrawCell
    trial: Trial

    @property
    def task(self) -> Task:
        return self.contestant, self.cell


class ResultsLog:
    """Entries, kept in memory and, where a file is given, in it too, each as soon as it is known.

    Raises:
        InvalidFile: the file has something else in it.
        UnusableOutput: it can't be read or written.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._entries = {entry.task: entry for entry in ([] if file is None else _read(file))}

    def __contains__(self, task: Task) -> bool:
        return task in self._entries

    def of(self, tasks: Iterable[Task]) -> list[Entry]:
        """The entries of those tasks that are done."""
        return [self._entries[task] for task in tasks if task in self._entries]

    def add(self, entry: Entry) -> None:
        self._entries[entry.task] = entry
        if self._file is None:
            return
        try:
            with self._file.open("ab") as stream:
                stream.write(msgspec.json.encode(entry) + b"\n")
        except OSError as error:
            raise UnusableOutput(f"{self._file}: can't be written to: {error.strerror}") from error


def _read(file: Path) -> list[Entry]:
    """The entries so far. What a run that was ended left of its last line is cut off, and tried again."""
    try:
        content = file.read_bytes() if file.exists() else b""
    except OSError as error:
        raise UnusableOutput(f"{file}: can't be read: {error.strerror}") from error
    *whole, rest = content.split(b"\n")
    found = [_decoded(file, number, line) for number, line in enumerate(whole, 1)]
    if rest:
        if not rest.startswith(_BEGINNING[: len(rest)]):
            raise InvalidFile(f"{file}: is no list of fits; name another file by --out")
        _cut(file, len(content) - len(rest))
    return found


def _decoded(file: Path, number: int, line: bytes) -> Entry:
    try:
        return msgspec.json.decode(line, type=Entry)
    except msgspec.DecodeError as error:
        raise InvalidFile(f"{file}, line {number}: {error}; name another file by --out") from error


def _cut(file: Path, length: int) -> None:
    try:
        os.truncate(file, length)
    except OSError as error:
        raise UnusableOutput(f"{file}: can't be written to: {error.strerror}") from error
