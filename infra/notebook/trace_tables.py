"""Traces from what a notebook holds: a file, a data frame, a list of dicts, columns, or texts and labels.

Columns are found as in files (`infra.files.columns`). Frames of pandas and polars, and data sets of Hugging
Face, are known by what they can do; none of these packages is imported.
"""

import base64
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from infra.errors import InvalidFile
from infra.files.columns import Columns, WantedColumns
from infra.files.formats import PlacedRecord, read_records
from infra.files.traces import TraceLine, trace_lines
from infra.files.vectors import read_vectors
from models.errors import TrainingError

NPY = ".npy"
_OPTION = re.compile(r"--(\w+)-column")
_MISSING = ("NAType", "NaTType")


@dataclass(frozen=True, slots=True)
class TraceTable:
    """Traces, and where they have vectors, a vector each.

    Attributes:
        lines: n traces.
        vectors: float32 [n, d]; None where none were given.
        source: what errors call the data: the file's path, else its kind.
    """

    lines: Sequence[TraceLine]
    vectors: NDArray[np.float32] | None
    source: str


def trace_table(
    data: Any,
    labels: Iterable[str] | None,
    *,
    embeddings: Any = None,
    sampled: Iterable[bool] | None = None,
    columns: Columns,
    texts: bool,
) -> TraceTable:
    """The traces in `data`.

    Args:
        data: path of a file, data frame, data set, list of dicts, dict of columns, or with `labels` the texts
            (None where there are only vectors).
        labels: a label for each text; None where `data` has them.
        embeddings: [n, d] numbers, path of an `.npy` file, or name of a column; None for no vectors.
        sampled: for each trace whether it belongs to a uniform sample; None to take the column `sampled`, and
            where there is none, all traces.
        texts: each trace needs a text.

    Raises:
        TrainingError: the data can't be read, has no such column, or a row is no trace; names file and place.
        TypeError: texts without labels, labels beside data that has its own, or data of an unknown kind.
    """
    try:
        if labels is not None:
            records, source = _of_lists(data, labels), "data"
        else:
            records, source = _records(data, columns, texts)
        lines = trace_lines(records, Path(source), columns, texts=texts)
        vectors = None if embeddings is None else _vectors(embeddings, records, source)
    except InvalidFile as error:
        raise TrainingError(_OPTION.sub(r"\1_column=", str(error))) from error
    if vectors is not None and len(vectors) != len(lines):
        raise TrainingError(f"embeddings: {len(vectors):,} rows, but there are {len(lines):,} traces")
    if sampled is not None:
        lines = _with_sampled(lines, [bool(value) for value in sampled])
    return TraceTable(lines, vectors, source)


def _with_sampled(lines: Sequence[TraceLine], sampled: Sequence[bool]) -> list[TraceLine]:
    if len(sampled) != len(lines):
        raise TrainingError(f"sampled: {len(sampled):,} values, but there are {len(lines):,} traces")
    return [replace(line, sampled=drawn) for line, drawn in zip(lines, sampled, strict=True)]


def _of_lists(texts: Any, labels: Iterable[str]) -> list[PlacedRecord]:
    if isinstance(texts, str | os.PathLike | Mapping) or hasattr(texts, "columns"):
        raise TypeError("labels: given beside data that has its own; name the column with label_column=")
    wanted = _values(labels)
    given = [None] * len(wanted) if texts is None else _values(texts)
    if len(given) != len(wanted):
        raise TrainingError(f"labels: {len(wanted):,}, but there are {len(given):,} texts")
    return _placed_records({"text": text, "label": label} for text, label in zip(given, wanted, strict=True))


def _records(data: Any, columns: Columns, texts: bool) -> tuple[list[PlacedRecord], str]:
    wanted = WantedColumns(columns, texts, label=True)
    if isinstance(data, str | os.PathLike):
        file = Path(data)
        return list(read_records(file, wanted.count)), str(file)
    if isinstance(data, Mapping):
        return _of_columns(list(data), data.__getitem__), "data"
    if hasattr(data, "columns"):
        return _of_columns([str(name) for name in data.columns], lambda name: data[name]), "data"
    if not isinstance(data, Iterable):
        raise TypeError(f"{type(data).__name__} given; a fit takes {_KINDS}")
    rows = list(data)
    strange = next((row for row in rows if not isinstance(row, Mapping)), None)
    if isinstance(strange, str):
        raise TypeError("texts without labels: fit(texts, labels)")
    if strange is not None:
        raise TypeError(f"rows of {type(strange).__name__} given; a fit takes {_KINDS}")
    return _placed_records(_named_labels(dict(row), data) for row in rows), "data"


_KINDS = "the path of a file, a data frame, a list of dicts, or texts and labels"


def _of_columns(names: Sequence[str], column: Callable[[str], Any]) -> list[PlacedRecord]:
    values = [_values(column(name)) for name in names]
    if len({len(cells) for cells in values}) > 1:
        lengths = ", ".join(f"{name}: {len(cells):,}" for name, cells in zip(names, values, strict=True))
        raise TrainingError(f"columns differ in length: {lengths}; of a data set, give one split")
    return _placed_records(dict(zip(names, cells, strict=True)) for cells in zip(*values, strict=True))


def _values(column: Any) -> list[Any]:
    """A list of the cells; numbers of numpy become Python's."""
    for method in ("to_list", "tolist"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)


def _placed_records(rows: Iterable[Mapping[str, Any]]) -> list[PlacedRecord]:
    """Rows as the reader of files gives them; a cell without a value is left out, counted from 1."""
    return [
        PlacedRecord(
            f"row {number}",
            {str(name): value for name, value in row.items() if not _is_missing(value)},
            typed=True,
        )
        for number, row in enumerate(rows, 1)
    ]


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or type(value).__name__ in _MISSING
        or (isinstance(value, float) and bool(np.isnan(value)))
    )


def _named_labels(row: dict[str, Any], data: Any) -> dict[str, Any]:
    """A row of a data set whose labels are numbers of a `ClassLabel`, with their names instead."""
    features = getattr(data, "features", None) or {}
    return {
        name: features[name].int2str(value)
        if isinstance(value, int) and hasattr(features.get(name), "int2str")
        else value
        for name, value in row.items()
    }


def _vectors(embeddings: Any, records: Sequence[PlacedRecord], source: str) -> NDArray[np.float32]:
    if isinstance(embeddings, os.PathLike) or (isinstance(embeddings, str) and embeddings.endswith(NPY)):
        return read_vectors(Path(embeddings))
    if isinstance(embeddings, str):
        return _column_vectors(embeddings, records, source)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(embeddings, dtype=np.float32)


def _column_vectors(column: str, records: Sequence[PlacedRecord], source: str) -> NDArray[np.float32]:
    cells = []
    for place, record, _ in records:
        if column not in record:
            raise TrainingError(f"{source}, {place}: no vector in `{column}`")
        cells.append(_vector(record[column], f"{source}, {place}, `{column}`"))
        if len(cells[-1]) != len(cells[0]):
            raise TrainingError(
                f"{source}, {place}: {len(cells[-1])} numbers in `{column}`, {len(cells[0])} before"
            )
    return np.stack(cells) if cells else np.empty((0, 0), dtype=np.float32)


def _vector(cell: Any, place: str) -> NDArray[np.float32]:
    """A list of numbers, or base64 of little-endian float32 as the trace log writes it."""
    try:
        if isinstance(cell, str):
            return np.frombuffer(base64.b64decode(cell, validate=True), dtype="<f4")
        with np.errstate(over="ignore"):
            values = np.asarray(cell, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{place}: no vector: {error}") from error
    if values.ndim != 1:
        raise TrainingError(f"{place}: no vector: shape {list(values.shape)}")
    return values
