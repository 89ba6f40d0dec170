"""Rows of a file of past calls, whatever its format: what was asked, what was answered, when and by whom."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from schemas.chat import ANSWER_PREFIX
from schemas.vectors import Wire

OURS = "the call went through a gateway of Understudy: its answer may be the surrogate's own"
_OUR_MODELS = "understudy/"

# A number says in which unit it is by its size: seconds, milli-, micro- and nanoseconds since 1970.
_MILLISECONDS_FROM, _MICROSECONDS_FROM, _NANOSECONDS_FROM = 1e11, 1e14, 1e17


class PastCall(NamedTuple):
    """One past call.

    Attributes:
        place: in the file, for messages.
        said: the model's answer; the label is read out of it.
        text, embedding: what was classified: one of them, or both.
        id: of the request; None where the file gives none.
        at: Unix milliseconds; None where the file gives no time.
        model: that answered.
        sampled: False where the file itself says that the row is not of a uniform sample.
        is_label: `said` is the label itself, not an answer to read one out of.
    """

    place: str
    said: str
    text: str | None = None
    embedding: Wire | None = None
    id: str | None = None
    at: int | None = None
    model: str | None = None
    sampled: bool = True
    is_label: bool = False


class LeftOut(NamedTuple):
    """A record that becomes no row: where, and why, in words that are the same for all of a kind."""

    place: str
    reason: str


Read = PastCall | LeftOut


def is_ours(*names: Any) -> bool:
    """Whether one of these is a task of ours as a model, asked or answering, or the id of an answer of ours.

    Labels of the surrogate that came back as the teacher's would agree with it for ever.
    """
    return any(isinstance(name, str) and (_OUR_MODELS in name or ANSWER_PREFIX in name) for name in names)


def unix_time(value: Any) -> int | None:
    """A time as Unix milliseconds; None where it is none.

    Args:
        value: a number since 1970 in seconds, milli-, micro- or nanoseconds, the same as a string, or
            ISO 8601; without an offset it is UTC.
    """
    if isinstance(value, datetime):
        return _milliseconds(value)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _iso_time(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        return None
    if value >= _NANOSECONDS_FROM:
        return int(value // 1_000_000)
    if value >= _MICROSECONDS_FROM:
        return int(value // 1000)
    return int(value if value >= _MILLISECONDS_FROM else value * 1000)


def as_id(value: Any) -> str | None:
    """An id as text; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return str(value)


def as_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def from_json(value: Any) -> Any:
    """What a string of JSON holds; the value itself where it is no such string."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def part_of(value: Any, name: str) -> Any:
    """The field of an object; None where it is no object, or has no such field."""
    return value.get(name) if isinstance(value, Mapping) else None


def _iso_time(text: str) -> int | None:
    try:
        return _milliseconds(datetime.fromisoformat(text))
    except ValueError:
        return None


def _milliseconds(moment: datetime) -> int | None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, round(aware.timestamp() * 1000))
