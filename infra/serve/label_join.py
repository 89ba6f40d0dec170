"""Labels joined to the requests of a file, by id."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from confluent_kafka import Message

from infra.console.output import note
from infra.errors import InvalidFile
from infra.files.client_requests import ClientRequest, read_client_requests
from infra.files.columns import Columns
from schemas.codec import LABEL
from schemas.errors import InvalidMessage
from schemas.messages import Label
from streams.kafka.message import as_bytes


def requests_by_id(file: Path, columns: Columns) -> dict[str, ClientRequest]:
    """The requests of a file by id. Raises InvalidFile: it can't be read, or a request has no id."""
    requests = {}
    for one in read_client_requests(file, columns, "any"):
        if not one.has_own_id:
            raise InvalidFile(f"{file}, row {one.row}: no id; labels are matched by id")
        requests[one.request.id] = one
    return requests


def joined_labels(messages: Iterable[Message], requests: dict[str, ClientRequest]) -> Iterator[str]:
    """Labels of the requests as JSON, each with row and text; ends when every request has its label.

    A label that follows the error of its request is there, too.

    Args:
        requests: by id; a request is taken out when its label or error is there.
    """
    failed: dict[str, ClientRequest] = {}
    for message in messages:
        label = _label_in(message)
        one = None if label is None else requests.pop(label.id, None) or failed.pop(label.id, None)
        if label is not None and one is not None:
            if label.source == "error":
                failed[label.id] = one
            entry = {"row": one.row, "text": one.request.text, **msgspec.to_builtins(label)}
            yield msgspec.json.encode(entry).decode()
        if not requests:
            return


def _label_in(message: Message) -> Label | None:
    try:
        return LABEL.decode(as_bytes(message.value()))
    except InvalidMessage as error:
        note(f"skipped a message that is no label: {error}")
        return None
