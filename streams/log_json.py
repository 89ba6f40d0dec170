"""JSON log: an object a line, for collectors of logs.

`time` (UTC, milliseconds), `level`, `logger`, `message`, and `exception` with the traceback where there is
one. Our messages end in `name=value`; each such value is a member too (`task`, `request`, `version`, ...), so
that it can be searched without taking the sentence apart.
"""

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.secrets import masked, masked_values
from streams.log_masking import MaskingFormatter

_CONVERSION = re.compile(r"(?:(?P<name>[a-z_]+)=)?%(?P<kind>%|[-+ #0-9.]*[a-zA-Z])")
"""A place for a value in a message, and its name where it has one."""
_OWN = frozenset({"time", "level", "logger", "message", "exception"})


class JsonFormatter(MaskingFormatter):
    """Writes a record as one JSON object, without secrets."""

    def __init__(self) -> None:
        super().__init__(logging.Formatter())

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        line |= {
            name: masked_values(value, masked) for name, value in _named_values(record) if name not in _OWN
        }
        if record.exc_info:
            line["exception"] = masked(self.inner.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


def _named_values(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Values that the message names: numbers as they are, everything else as text."""
    if not isinstance(record.args, tuple):
        return
    places = [found for found in _CONVERSION.finditer(str(record.msg)) if found["kind"] != "%"]
    if len(places) != len(record.args):
        return
    for place, value in zip(places, record.args, strict=True):
        if place["name"] is not None:
            yield place["name"], value if isinstance(value, int | float) else str(value)
