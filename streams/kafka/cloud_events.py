"""CloudEvents headers (Kafka binding, binary mode) of labels, for clients whose requests are CloudEvents.

A request without `ce_specversion` is none, and its label costs nothing more. A label is an event of its own:
it has its own id, type, source and time, names the request's as its cause, and keeps what extensions the
client has added.
"""

import time
from functools import lru_cache
from urllib.parse import quote

from schemas.messages import Label
from streams.kafka.message import Headers, as_bytes

LABEL_TYPE = "understudy.label"

_MARK = "ce_specversion"
_ID, _CAUSE = "ce_id", "ce_causationid"
_OWN = frozenset(
    {
        _MARK,
        _ID,
        _CAUSE,
        "ce_source",
        "ce_type",
        "ce_time",
        "ce_subject",
        "ce_dataschema",
        "ce_datacontenttype",
    }
)
_SAME_FOR_ALL: Headers = [
    (_MARK, b"1.0"),
    ("ce_type", LABEL_TYPE.encode()),
    ("content-type", b"application/json"),
]


def label_headers(label: Label, topic: str, headers: Headers | None) -> Headers | None:
    """Headers of a label, given those that follow from its request.

    Args:
        topic: of labels; with the task it is the source.
    """
    if headers is None or not any(name == _MARK for name, _ in headers):
        return headers
    causes: Headers = [(_CAUSE, value) for name, value in headers if name == _ID and as_bytes(value)]
    kept: Headers = [header for header in headers if header[0] not in _OWN]
    own: Headers = [
        (_ID, _event_id(label)),
        ("ce_source", f"urn:understudy:{topic}:{label.task}"),
        ("ce_time", _timestamp(label.labelled_at)),
    ]
    return [*kept, *_SAME_FOR_ALL, *own, *causes[:1]]


def _event_id(label: Label) -> str:
    """The request's id, since a request has one label; each error before it is an event of its own."""
    name = label.id if label.id.isprintable() else quote(label.id)
    return name if label.source != "error" else f"{name}:error:{label.labelled_at}"


def _timestamp(at: int) -> str:
    """RFC 3339, in UTC."""
    seconds, milliseconds = divmod(at, 1000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
