"""Requests that a client sends, from a file or a pipe: id and task are filled in where a row has none."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from infra.errors import InvalidFile
from infra.files.columns import Columns, WantedColumns, pick_fields
from infra.files.formats import STANDARD_INPUT, PlacedRecord, read_records, stream_records
from schemas.codec import REQUEST
from schemas.errors import InvalidMessage
from schemas.messages import Request, TaskName

# A cell of CSV holds no vector and no metadata.
_FURTHER, _FURTHER_IN_CSV = ("task", "embedding", "metadata"), ("task",)


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """Attributes:
    row: of the file, from 1.
    has_own_id: the file gave the id; else it was made up.
    """

    row: int
    request: Request
    has_own_id: bool


def read_client_requests(file: Path, columns: Columns, task: str) -> Iterator[ClientRequest]:
    """The requests in order; those of a pipe with JSON Lines each as soon as its line is there.

    Args:
        file: in any format of `infra.files.formats`; `-` for standard input.
        task: of rows that name none.

    Raises:
        InvalidFile: the file can't be read, or a row is no request; names the row.
    """
    wanted = WantedColumns(columns, text=False, label=False)
    streams = file == STANDARD_INPUT
    records = stream_records(wanted.count) if streams else read_records(file, wanted.count)
    sources: dict[str, str] = {}
    for row, placed in enumerate(records, 1):
        sources = sources or wanted.sources(file, list(placed.record)) | _further(placed)
        yield _client_request(row, placed, sources, task, f"{file}, {placed.place}")


def _client_request(
    row: int, placed: PlacedRecord, sources: dict[str, str], task: str, place: str
) -> ClientRequest:
    fields = {"task": task, **pick_fields(placed.record, sources)}
    _check_task(fields["task"], place)
    has_own_id = fields.get("id") is not None
    if not has_own_id or isinstance(fields["id"], int):
        fields["id"] = str(fields["id"]) if has_own_id else str(uuid.uuid4())
    try:
        request = REQUEST.decode(msgspec.json.encode(fields))
    except (InvalidMessage, UnicodeEncodeError, TypeError) as error:
        raise InvalidFile(f"{place}: {error}") from error
    return ClientRequest(row, request, has_own_id)


def _further(placed: PlacedRecord) -> dict[str, str]:
    return {name: name for name in (_FURTHER if placed.typed else _FURTHER_IN_CSV)}


def _check_task(name: object, place: str) -> None:
    try:
        msgspec.convert(name, TaskName)
    except msgspec.ValidationError as error:
        raise InvalidFile(f"{place}: `{name}` can't be the name of a task: {error}") from error
