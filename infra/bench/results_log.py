"""Log of results, a line a fit, so that a run that ended early can be continued."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from infra.bench.trial import FitTrial, TargetOutcome
from infra.errors import InvalidFile, UnusableOutput

_BEGINNING = b'{"contestant":'

CLEAN = "gold labels"


class DrawCell(Struct, frozen=True):
    """One draw; equal cells have equal rows and labels.

    Attributes:
        corpus: name of it.
        teacher: who gave the labels, of the rows to learn from and of those to judge on.
        size: traces to learn from, repeats included.
        repeated: share of the distinct rows that were sent twice, in [0, 1].
        seed: of the draw.
    """

    corpus: str
    teacher: str
    size: int
    repeated: float = 0.0
    seed: int = 0


Task = tuple[str, DrawCell]
"""A contestant, and the draw that it is fitted on."""


class FitRow(Struct, frozen=True):
    """One fit.

    Attributes:
        contestant, cell: who was fitted, and on which draw.
        trial: its result.
        fresh: results of the same policy behind a gate that tested thresholds on fresh rows; empty where
            there was none.
        seconds: of the whole, judging included.
    """

    contestant: str
    cell: DrawCell
    trial: FitTrial
    fresh: tuple[TargetOutcome, ...] = ()
    seconds: float = 0.0

    @property
    def task(self) -> Task:
        return self.contestant, self.cell


class ResultsLog:
    """Entries, kept in memory and, where a file is given, in it too, each as soon as it is known.

    Raises:
        InvalidFile: the file holds something else.
        UnusableOutput: it could not be read or written.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._entries = {entry.task: entry for entry in ([] if file is None else _read(file))}

    def __contains__(self, task: Task) -> bool:
        return task in self._entries

    def of(self, tasks: Iterable[Task]) -> list[FitRow]:
        """The entries of those tasks that are done."""
        return [self._entries[task] for task in tasks if task in self._entries]

    def matching(self, tasks: Iterable[Task]) -> list[FitRow]:
        """The entries whose contestant and draw, its seed aside, are among those of the tasks."""
        kinds = {(name, replace(cell, seed=0)) for name, cell in tasks}
        return [
            entry for (name, cell), entry in self._entries.items() if (name, replace(cell, seed=0)) in kinds
        ]

    def add(self, entry: FitRow) -> None:
        self._entries[entry.task] = entry
        if self._file is None:
            return
        try:
            with self._file.open("ab") as stream:
                stream.write(msgspec.json.encode(entry) + b"\n")
        except OSError as error:
            raise UnusableOutput(
                f"{self._file}: could not be written: {error.strerror}; name another file by --out"
            ) from error


def _read(file: Path) -> list[FitRow]:
    """The entries so far. A last line that is incomplete is cut off; its fit is run again."""
    try:
        content = file.read_bytes() if file.exists() else b""
    except OSError as error:
        raise UnusableOutput(
            f"{file}: could not be read: {error.strerror}; name another file by --out"
        ) from error
    *whole, rest = content.split(b"\n")
    entries = [_decode_entry(file, number, line) for number, line in enumerate(whole, 1)]
    if rest:
        if not rest.startswith(_BEGINNING[: len(rest)]):
            raise InvalidFile(f"{file}: is not a log of fits; name another file by --out")
        _truncate(file, len(content) - len(rest))
    return entries


def _decode_entry(file: Path, number: int, line: bytes) -> FitRow:
    try:
        return msgspec.json.decode(line, type=FitRow)
    except msgspec.DecodeError as error:
        raise InvalidFile(f"{file}, line {number}: {error}; name another file by --out") from error


def _truncate(file: Path, length: int) -> None:
    try:
        os.truncate(file, length)
    except OSError as error:
        raise UnusableOutput(
            f"{file}: could not be written: {error.strerror}; name another file by --out"
        ) from error
