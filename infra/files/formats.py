"""File formats of records: CSV with a header row, JSON Lines, a JSON array of objects, Parquet.

The name of the file says which format it is, else its first bytes do. A file that can't be what its name says
is refused with the format that it looks like. Text must be UTF-8, with or without a byte order mark; an error
names line and column. CSV may have quoted line breaks, and comma, semicolon, tab or bar between its columns.
"""

import codecs
import csv
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from infra.errors import InvalidFile

STANDARD_INPUT = Path("-")
DELIMITERS = ",;\t|"
_LONGEST_FIELD = 2**31 - 1
_BYTE = re.compile(r" \(byte (\d+)\)$")

Record = dict[str, Any]
HeaderScore = Callable[[Sequence[str]], int]


class Format(StrEnum):
    """The value is how a person calls it."""

    CSV = "CSV"
    JSON_LINES = "JSON Lines"
    JSON_ARRAY = "a JSON array"
    PARQUET = "Parquet"


_BY_SUFFIX = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".json": Format.JSON_ARRAY,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}
_UNREADABLE = {
    b"PK\x03\x04": "an Excel workbook or a zip archive; save it as CSV",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"\x93NUMPY": "vectors in .npy format; name a file of texts, and these with --embeddings",
    b"GGUF": "the weights of an LLM; name a file of texts",
    codecs.BOM_UTF16_LE: "UTF-16 text; save it as UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16 text; save it as UTF-8",
}
_PARQUET_MAGIC = b"PAR1"


class PlacedRecord(NamedTuple):
    """A record, its place (`line 3`, `item 3`, `row 3`), and whether its values have types."""

    place: str
    record: Record
    typed: bool


def read_records(file: Path, header_score: HeaderScore) -> Iterator[PlacedRecord]:
    """The records of a file in order; `-` is standard input. Blank lines are skipped.

    Args:
        header_score: how many of the columns that are needed a CSV header has; decides the delimiter.

    Raises:
        InvalidFile: the file can't be read, or is not of its format; names the place.
    """
    return records_in(file, content(file), header_score)


def stream_records(header_score: HeaderScore) -> Iterator[PlacedRecord]:
    """The records on standard input: of JSON Lines each as soon as its line is there, else all at the end.

    Raises:
        InvalidFile: as `read_records`.
    """
    lines = iter(sys.stdin.buffer)
    head = list(_until_content(lines))
    start = b"".join(head).removeprefix(codecs.BOM_UTF8)
    if start.lstrip().startswith(b"{"):
        return json_records(STANDARD_INPUT, chain(start.splitlines(), lines))
    return records_in(STANDARD_INPUT, start + b"".join(lines), header_score)


def _until_content(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines up to the first that is not blank."""
    for line in lines:
        yield line
        if line.removeprefix(codecs.BOM_UTF8).strip():
            return


def records_in(file: Path, raw: bytes, header_score: HeaderScore) -> Iterator[PlacedRecord]:
    """The records in the content of a file. Raises InvalidFile."""
    match format_of(file, raw):
        case Format.CSV:
            return _csv_records(file, decode_text(file, raw), header_score)
        case Format.PARQUET:
            return _parquet_records(file, raw)
        case Format.JSON_ARRAY:
            decode_text(file, raw)
            return _array_records(file, raw)
        case Format.JSON_LINES:
            return json_records(file, raw.splitlines())


def content(file: Path) -> bytes:
    """All of a file, or of standard input for `-`, without a byte order mark. Raises InvalidFile."""
    try:
        read = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        return read.removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise InvalidFile(f"{file}: can't be read: {error.strerror}") from error


def format_of(file: Path, raw: bytes) -> Format:
    """The format of a file by its name and its first bytes.

    Raises:
        InvalidFile: it can't be what its name says, or is of a format that nobody reads here.
    """
    for magic, what in _UNREADABLE.items():
        if raw.startswith(magic):
            raise InvalidFile(f"{file}: this looks like {what}")
    named, found = _BY_SUFFIX.get(file.suffix.lower()), _format_in(raw)
    json = (Format.JSON_LINES, Format.JSON_ARRAY)
    if named is None or found is None or named is found or (named in json and found in json):
        return found or named or (Format.CSV if raw.strip() else Format.JSON_LINES)
    raise InvalidFile(
        f"{file}: this looks like {found}, but its name says {_family(named)}: rename it, or check its start"
    )


def decode_text(file: Path, raw: bytes, first_line: int = 1) -> str:
    """The text in UTF-8 bytes. Raises InvalidFile, naming line and column of the first bad byte."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + first_line
        begin = raw.rfind(b"\n", 0, error.start) + 1
        column = len(raw[begin : error.start].decode("utf-8")) + 1
        raise InvalidFile(
            f"{file}, line {line}, column {column}: not UTF-8 ({error.reason} 0x{raw[error.start]:02x}); "
            "save it as UTF-8"
        ) from error


def json_records(file: Path, lines: Iterable[bytes]) -> Iterator[PlacedRecord]:
    """The records of JSON Lines, each as soon as its line is there. Raises InvalidFile."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"line {number}"
            decode_text(file, line, number)
            yield PlacedRecord(place, _json_object(f"{file}, {place}", line), typed=True)


def _format_in(raw: bytes) -> Format | None:
    """The format that the first bytes show; None where they show none."""
    start = raw[:100_000].lstrip()
    if start.startswith(_PARQUET_MAGIC):
        return Format.PARQUET
    if start.startswith(b"{"):
        return Format.JSON_LINES
    if start.startswith(b"["):
        return Format.JSON_ARRAY
    first = start.split(b"\n", 1)[0]
    return Format.CSV if any(delimiter.encode() in first for delimiter in DELIMITERS) else None


def _family(named: Format) -> str:
    return "JSON" if named in (Format.JSON_LINES, Format.JSON_ARRAY) else named


def _json_object(place: str, raw: bytes | msgspec.Raw) -> Record:
    try:
        return msgspec.json.decode(raw, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFile(f"{place}: {error}") from error


def _array_records(file: Path, raw: bytes) -> Iterator[PlacedRecord]:
    try:
        items = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        found = _BYTE.search(str(error))
        line = raw.count(b"\n", 0, int(found[1])) + 1 if found else 1
        raise InvalidFile(f"{file}, line {line}: {error}") from error
    for number, item in enumerate(items, 1):
        place = f"item {number}"
        yield PlacedRecord(place, _json_object(f"{file}, {place}", item), typed=True)


def _csv_records(file: Path, text: str, header_score: HeaderScore) -> Iterator[PlacedRecord]:
    if not text.strip():
        return
    rows = _csv_rows(file, text, _delimiter(file, text, header_score))
    _, header = next(rows)
    names = [name.strip() for name in header]
    for number, row in rows:
        if len(row) != len(names):
            raise InvalidFile(f"{file}, line {number}: {len(row)} columns, but the header has {len(names)}")
        yield PlacedRecord(f"line {number}", dict(zip(names, row, strict=True)), typed=False)


def _csv_rows(file: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
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


def _delimiter(file: Path, text: str, header_score: HeaderScore) -> str:
    """The delimiter under which the header has most of the needed columns, and of those, most columns."""

    def score(delimiter: str) -> tuple[int, int]:
        header = next(_csv_rows(file, text, delimiter), (0, []))[1]
        return header_score(header), len(header)

    return max(DELIMITERS, key=score)


def _parquet_records(file: Path, raw: bytes) -> Iterator[PlacedRecord]:
    """Read with pyarrow, else with what pandas reads Parquet with."""
    try:
        for number, record in enumerate(_parquet_rows(file, io.BytesIO(raw)), 1):
            yield PlacedRecord(f"row {number}", record, typed=True)
    except (
        ValueError,
        OSError,
        ImportError,
    ) as error:  # what both libraries raise, and pandas without engine
        raise InvalidFile(f"{file}: can't be read as Parquet: {error}") from error


def _parquet_rows(file: Path, source: io.BytesIO) -> list[Record]:
    if find_spec("pyarrow") is not None:
        rows: list[Record] = import_module("pyarrow.parquet").read_table(source).to_pylist()
        return rows
    if find_spec("pandas") is not None:
        frame = import_module("pandas").read_parquet(source)
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        return list(rows)
    raise InvalidFile(f"{file}: Parquet needs pyarrow: `pip install pyarrow`, or save the file as CSV")
