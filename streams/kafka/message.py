"""Key, time and headers of a Kafka message, and the headers that follow a request to its label."""

from confluent_kafka import Message

from streams.teacher.give_up import HEADER as GIVE_UP_AFTER

Headers = list[tuple[str, str | bytes | None]]

ATTEMPT = "understudy-attempt"
"""Header: how often a message, or the request that it is about, was replayed from a dead letter."""

_FOLLOWS = ("traceparent", "tracestate", "baggage", "ce_", GIVE_UP_AFTER, ATTEMPT)
_MOST_DIGITS = 9


def as_bytes(value: str | bytes | None) -> bytes | None:
    """Keys, values and headers arrive as bytes; confluent-kafka's types allow text too."""
    return value.encode() if isinstance(value, str) else value


def key_of(message: Message) -> bytes | None:
    return as_bytes(message.key())


def time_of(message: Message) -> int:
    """Unix milliseconds of the message, as its producer or broker set them."""
    stamp: tuple[int, int] = message.timestamp()
    return max(0, stamp[1])


def headers_of(message: Message) -> Headers:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else headers


def copied_headers(message: Message) -> Headers | None:
    """Headers that go with a request to its label: trace context, CloudEvents, time to wait, attempt."""
    headers = headers_of(message)
    return [header for header in headers if header[0].startswith(_FOLLOWS)] or None if headers else None


def attempt_of(headers: Headers) -> int:
    """How often the message was replayed, >= 0; a header that is no number counts as none."""
    found = [as_bytes(value) or b"" for name, value in headers if name == ATTEMPT]
    return max((int(value) for value in found if value.isdigit() and len(value) <= _MOST_DIGITS), default=0)
