"""Reading past LLM calls, whatever their columns are called: JSON Lines, or CSV with a header row.

Columns are found by the names that are usual for them, or are named by the user. Which of the two formats it
is, the file's name says, else its first byte. CSV may have a byte order mark, quoted line breaks, and comma,
semicolon, tab or bar between its columns: the one under which the header has the columns that are needed.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from infra.errors import InvalidFile
from infra.files.traces import TraceLine, content

TEXTS = ("text", "prompt", "input", "content")
LABELS = ("label", "answer", "output", "intent", "category")
DELIMITERS = ",;\t|"
_AS_CSV, _AS_JSON = {".csv", ".tsv"}, {".jsonl", ".ndjson", ".json"}
_LONGEST_FIELD = 2**31 - 1
_SHOWN = 12

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the user calls them; None to find them."""

    text: str | None = None
    label: str | None = None


def read_calls(file: Path, columns: Columns, *, texts: bool) -> list[TraceLine]:
    """The calls in order.

    Raises:
        InvalidFile: it can't be read, a needed column is missing, or a line is no call; names the line.
    """
    raw = content(file)
    if _is_csv(file, raw):
        records, strict = _csv_records(file, raw, columns), False
    else:
        records, strict = _json_records(file, raw), True
    found, sources = [], None
    for number, record in records:
        sources = sources or _sources(file, columns, list(record), texts)
        try:
            call = msgspec.convert(_picked(record, sources), TraceLine, strict=strict)
        except msgspec.ValidationError as error:
            raise InvalidFile(f"{file}, line {number}: {error}") from error
        if texts and call.text is None:
            raise InvalidFile(f"{file}, line {number}: no `{sources['text']}`, which is what this classifies")
        found.append(call)
    return found


def _is_csv(file: Path, raw: bytes) -> bool:
    suffix = file.suffix.lower()
    if suffix in _AS_CSV | _AS_JSON:
        return suffix in _AS_CSV
    return not raw.lstrip().startswith((b"{", b"["))


def _json_records(file: Path, raw: bytes) -> Iterator[tuple[int, Record]]:
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, msgspec.json.decode(line, type=Record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidFile(f"{file}, line {number}: {error}") from error


def _csv_records(file: Path, raw: bytes, columns: Columns) -> Iterator[tuple[int, Record]]:
    text = _decoded(file, raw)
    if not text.strip():
        return
    rows = _rows(file, text, _delimiter(file, text, columns))
    _, header = next(rows)
    names = [name.strip() for name in header]
    for number, row in rows:
        if len(row) != len(names):
            raise InvalidFile(f"{file}, line {number}: {len(row)} columns, but the header has {len(names)}")
        yield number, dict(zip(names, row, strict=True))


def _decoded(file: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidFile(f"{file}, line {line}: not UTF-8 ({error.reason}); save it as UTF-8") from error


def _rows(file: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with the line that it begins on."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for row in reader:
            if row:
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InvalidFile(
            f"{file}, line {begins}: {error}; quotes must be closed, and doubled within"
        ) from error


def _delimiter(file: Path, text: str, columns: Columns) -> str:
    """Under which most of what is needed is in the header, and of those, which makes most columns of it."""

    def worth(delimiter: str) -> tuple[int, int]:
        header = next(_rows(file, text, delimiter), (0, []))[1]
        label, asked = _found(header, columns.label, LABELS), _found(header, columns.text, TEXTS)
        return (label is not None) + (asked is not None), len(header)

    return max(DELIMITERS, key=worth)


def _sources(file: Path, columns: Columns, header: list[str], texts: bool) -> dict[str, str]:
    """Which column holds what."""
    sources = {name: _found(header, None, (name,)) or name for name in ("id", "sampled", "weight")}
    for name, given, usual in (("text", columns.text, TEXTS), ("label", columns.label, LABELS)):
        column = _found(header, given, usual)
        if column is not None:
            sources[name] = column
        elif given is not None or name == "label" or texts:
            wanted = f"`{given}`" if given else f"any of {', '.join(usual)}"
            raise InvalidFile(
                f"{file}: no column for the {name} ({wanted}) among {_listed(header)}; "
                f"name it with --{name}-column"
            )
    return sources


def _found(header: list[str], given: str | None, usual: tuple[str, ...]) -> str | None:
    """The user's name as it is, or the first of the usual ones in any case."""
    if given is not None:
        return given if given in header else None
    places = {name.strip().lower(): name for name in reversed(header)}
    return next((places[name] for name in usual if name in places), None)


def _listed(header: list[str]) -> str:
    more = f" and {len(header) - _SHOWN:,} more" if len(header) > _SHOWN else ""
    return ", ".join(f"`{name[:40]}`" for name in header[:_SHOWN]) + more


def _picked(record: Record, sources: dict[str, str]) -> Record:
    """What a trace is made of; an empty cell beside text and label says nothing."""
    values = {name: record[column] for name, column in sources.items() if column in record}
    return {name: value for name, value in values.items() if value != "" or name in {"text", "label"}}
