"""Trace context in the headers of a Kafka message, as OpenTelemetry's propagator reads and writes it."""

from collections.abc import Mapping

from streams.kafka.message import Headers, as_bytes

_NAMES = ("traceparent", "tracestate")


def carrier_of(headers: Headers | None) -> dict[str, str]:
    """The trace context, by name; of a header that is there twice the first."""
    carrier: dict[str, str] = {}
    for name, value in headers or ():
        if name in _NAMES and value is not None:
            carrier.setdefault(name, (as_bytes(value) or b"").decode("latin-1"))
    return carrier


def with_carrier(headers: Headers | None, carrier: Mapping[str, str]) -> Headers:
    """The headers with this trace context instead of their own; all others stay as they are."""
    others = [header for header in headers or () if header[0] not in _NAMES]
    return [*((name, value.encode("latin-1")) for name, value in carrier.items()), *others]
