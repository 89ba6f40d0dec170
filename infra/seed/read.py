"""Reads past calls from a file or a folder; each record says by its fields which format it is of.

Read are all formats of `infra.files.formats` with a field for the text and one for the label, call logs
(`infra.seed.call_logs`), spans (`infra.seed.spans`) and the folder that TRACER writes: its traces, vectors
and config. Nothing is ever unpickled.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.errors import InvalidFile
from infra.files.columns import find_column
from infra.files.formats import Format, PlacedRecord, content, format_of, read_records, records_in
from infra.files.vectors import read_vectors
from infra.seed.call_logs import (
    field_of,
    read_batch,
    read_chat,
    read_langfuse,
    read_litellm,
    read_plain,
)
from infra.seed.spans import read_span_rows
from streams.recorded_calls.rows import LeftOut, Read
from streams.recorded_calls.spans import is_otlp

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "input", "prompt", "query", "question", "content", "message", "utterance"),
    "label": ("label", "teacher", "teacher_output", "answer", "output", "intent", "category", "completion"),
    "id": ("id", "custom_id", "request_id", "trace_id"),
    "time": ("time", "timestamp", "requested_at", "created_at", "created", "date"),
    "model": ("model", "model_name", "teacher.model"),
    "embedding": ("embedding", "vector"),
    "sampled": ("sampled",),
}
"""What fields are usually called, by what they hold; the first of them that a record has is taken."""

_TRACER_TRACES, _TRACER_VECTORS = "all_traces.jsonl", "index.embeddings.npy"
_TRACER_CONFIG = "config.json"


@dataclass(frozen=True, slots=True)
class SeedFile:
    """What is read, and how.

    Attributes:
        path: a file, `-` for standard input, or the folder of TRACER.
        names: fields that the operator names, by what they hold. With one for the text or the label, each
            record is read by fields, whatever it looks like.
        requests: input of a batch of OpenAI's, for a file with its answers.
        embeddings: vectors in .npy format, a row for each record.
        where: values that fields must have, or attributes of a span; other records are passed over.
    """

    path: Path
    names: Mapping[str, str]
    requests: Path | None = None
    embeddings: Path | None = None
    where: Mapping[str, str] = field(default_factory=dict)


def read_calls(file: SeedFile) -> Iterator[Read]:
    """The calls in order, and what is left out.

    Raises:
        InvalidFile: a file can't be read, or has another number of records than there are vectors.
    """
    path, vectors = file.path, file.embeddings
    if path.is_dir():
        path, vectors = _tracer_files(path, vectors)
    rows = None if vectors is None else read_vectors(vectors)
    requests = {} if file.requests is None else _batch_requests(file.requests)
    count = 0
    for count, placed in enumerate(_records(path), 1):
        for found in _reads(placed, file, requests):
            yield found if rows is None else _with_vector(found, rows, count - 1)
    if rows is not None and count != len(rows):
        raise InvalidFile(f"{vectors}: has {len(rows)} rows, but {path} has {count} records: they must match")


def _reads(placed: PlacedRecord, file: SeedFile, requests: Mapping[str, Any]) -> Iterator[Read]:
    place, record, _ = placed
    if is_otlp(record):
        yield from read_span_rows(record, place, file.where)
        return
    observations = record.get("observations")
    several: list[Any] = observations if isinstance(observations, list) else []
    inner = [one for one in several if isinstance(one, Mapping)]
    exact = [(f"{place}, observation {number}", one) for number, one in enumerate(inner, 1)]
    for where, one in exact or [(place, record)]:
        if all(str(field_of(one, name)) == value for name, value in file.where.items()):
            yield _read_record(one, where, file.names, requests)


def _read_record(
    record: Mapping[str, Any], place: str, names: Mapping[str, str], requests: Mapping[str, Any]
) -> Read:
    if names.keys() & {"text", "label"}:
        return read_plain(record, place, _sources(record, names))
    found = (
        read_litellm(record, place)
        or read_batch(record, place, requests)
        or read_langfuse(record, place)
        or read_chat(record, place)
    )
    return found or read_plain(record, place, _sources(record, names))


def _sources(record: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, str]:
    """Which field of a record holds what."""
    return _sources_in(tuple(record), tuple(names.items()))


@lru_cache(maxsize=256)
def _sources_in(header: tuple[str, ...], named: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    names = dict(named)
    return {
        what: names.get(what) or find_column(header, None, usual) or usual[-1]
        for what, usual in USUAL_NAMES.items()
    }


def _records(path: Path) -> Iterator[PlacedRecord]:
    """The records of a file; one JSON object over several lines is one record."""
    raw = content(path)
    if format_of(path, raw) is Format.JSON_LINES:
        try:
            yield PlacedRecord("the file", msgspec.json.decode(raw, type=dict[str, Any]), typed=True)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            return
    yield from records_in(path, raw, _header_score)


def _header_score(header: Sequence[str]) -> int:
    return sum(find_column(header, None, USUAL_NAMES[what]) is not None for what in ("text", "label"))


def _batch_requests(file: Path) -> dict[str, Any]:
    """Bodies of a batch's requests, by their `custom_id`."""
    return {
        str(placed.record.get("custom_id")): placed.record.get("body")
        for placed in read_records(file, _header_score)
    }


def _with_vector(found: Read, rows: NDArray[np.float32], number: int) -> Read:
    if isinstance(found, LeftOut) or number >= len(rows):
        return found
    return found._replace(embedding=rows[number].astype("<f4").tobytes())


def _tracer_files(folder: Path, embeddings: Path | None) -> tuple[Path, Path | None]:
    """The traces in a folder that TRACER has written, and its vectors."""
    traces, vectors = folder / _TRACER_TRACES, folder / _TRACER_VECTORS
    if not traces.is_file():
        raise InvalidFile(f"{folder}: has no {_TRACER_TRACES}, so it is no folder of TRACER; name a file")
    return traces, embeddings or (vectors if vectors.is_file() else None)


def tracer_target(folder: Path) -> float | None:
    """The agreement that TRACER was asked for; None where the folder does not say."""
    file = folder / _TRACER_CONFIG
    if not file.is_file():
        return None
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any]).get("target_teacher_agreement")
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidFile(f"{file}: can't be read: {error}") from error
    return float(found) if isinstance(found, float | int) else None
