"""Traces and requests from files, in any format of `infra.files.formats`; unknown columns are ignored.

What is wrong is named with its file and place.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from infra.errors import InvalidFile
from infra.files.columns import USUAL, Columns, WantedColumns, pick_fields
from infra.files.formats import PlacedRecord, read_records
from models.features import Features, known_texts
from models.training.thinning import thin_out
from models.training_set import TrainingSet


class TraceLine(Struct, frozen=True):
    """A teacher's answer.

    Attributes:
        label: the teacher's.
        text: what was classified; None where only its vector is known.
        id: of the request.
        sampled: it belongs to a uniform sample of all traffic.
        weight: how much it counts in learning, >= 0.
    """

    label: Annotated[str, Meta(min_length=1)]
    text: str | None = None
    id: str | int | None = None
    sampled: bool = True
    weight: Annotated[float, Meta(ge=0.0)] = 1.0


class RequestLine(Struct, frozen=True):
    """A request to classify."""

    text: str | None = None
    id: str | int | None = None


Line = TypeVar("Line", TraceLine, RequestLine)


def read_traces(file: Path, columns: Columns = USUAL, *, texts: bool) -> list[TraceLine]:
    """The traces in order.

    Args:
        texts: each needs a text.

    Raises:
        InvalidFile: the file can't be read, a needed column is missing, or a line is no trace; names it.
    """
    return _read(file, TraceLine, WantedColumns(columns, texts, label=True))


def read_requests(file: Path, columns: Columns = USUAL, *, texts: bool) -> list[RequestLine]:
    """The requests in order; arguments and errors as of `read_traces`."""
    return _read(file, RequestLine, WantedColumns(columns, texts, label=False))


class LearnedLines(NamedTuple):
    """The lines that a fit learns from.

    Attributes:
        rows: int64 [k], their places in the file.
        lines: of these rows; some may have lost their `sampled`.
        drawn_from: how many there were, of which these were drawn; None where these are all.
    """

    rows: NDArray[np.int64]
    lines: list[TraceLine]
    drawn_from: int | None


def learned_lines(lines: Sequence[TraceLine], rows: NDArray[np.int64]) -> LearnedLines:
    """The lines at these rows, or a draw of them where they are more than a fit takes."""
    kept = [lines[row] for row in rows.tolist()]
    thinned = thin_out([line.label for line in kept], np.array([line.sampled for line in kept], np.bool_))
    if thinned is None:
        return LearnedLines(rows, kept, None)
    pairs = zip(thinned.rows.tolist(), thinned.sampled.tolist(), strict=True)
    drawn = [replace(kept[row], sampled=sampled) for row, sampled in pairs]
    return LearnedLines(rows[thinned.rows], drawn, len(kept))


def training_set(
    lines: Sequence[TraceLine], rows: Features, *, ordered: bool, drawn_from: int | None = None
) -> TrainingSet:
    """The training set of these lines.

    The texts are there if each line has one, whatever the policy reads: repeats are found by them.

    Args:
        rows: their features.
        ordered: they are in the order of time, oldest first.
        drawn_from: as in `LearnedLines`.
    """
    texts = known_texts(line.text for line in lines)
    return TrainingSet(
        rows if texts is None else Features(texts, rows.embeddings),
        [line.label for line in lines],
        np.array([line.sampled for line in lines], dtype=np.bool_),
        np.array([line.weight for line in lines], dtype=np.float64),
        ordered,
        drawn_from,
    )


def trace_lines(
    records: Sequence[PlacedRecord], file: Path, columns: Columns = USUAL, *, texts: bool
) -> list[TraceLine]:
    """The traces that records hold; `file` is where they come from, the rest as of `read_traces`.

    Columns are looked for in all records: the first one may lack a cell.
    """
    wanted = WantedColumns(columns, texts, label=True)
    header = list(dict.fromkeys(name for _, record, _ in records for name in record))
    return _lines(records, file, TraceLine, wanted, wanted.sources(file, header) if records else {})


def _read(file: Path, kind: type[Line], wanted: WantedColumns) -> list[Line]:
    return _lines(read_records(file, wanted.count), file, kind, wanted)


def _lines(
    records: Iterable[PlacedRecord],
    file: Path,
    kind: type[Line],
    wanted: WantedColumns,
    sources: Mapping[str, str] = MappingProxyType({}),
) -> list[Line]:
    """Args:
    sources: the column of each field; empty to find them in the first record.
    """
    lines: list[Line] = []
    for place, record, typed in records:
        sources = sources or wanted.sources(file, list(record))
        fields = pick_fields(record, sources)
        try:
            line = msgspec.convert(fields, kind, strict=typed)
        except msgspec.ValidationError as error:
            if fields.get("label") == "":
                raise InvalidFile(
                    f"{file}, {place}: `{sources['label']}` is empty: leave out what has no label"
                ) from error
            raise InvalidFile(f"{file}, {place}: {error}") from error
        if wanted.text and line.text is None:
            raise InvalidFile(f"{file}, {place}: no `{sources['text']}`, which is what this classifies")
        lines.append(line)
    return lines
