"""Which request a message is about: a request itself, a deferral, a reply, a trace, or their dead letters."""

import msgspec
from confluent_kafka import Message

from streams.kafka.message import as_bytes


class RequestOf(msgspec.Struct):
    """The request that a message is about, whatever the message is.

    Attributes:
        requested_at: Unix milliseconds; None in a request, whose time is the message's own.
    """

    id: str | None = None
    task: str | None = None
    requested_at: int | None = None


class _Carrier(RequestOf):
    """A request, encoding, trace, deferral or reply, as far as it says which request it is about."""

    request: RequestOf | None = None
    deferral: "_Carrier | None" = None
    check: "_Carrier | None" = None

    def about(self) -> RequestOf:
        inner = self.deferral or self.check or self
        if inner.request is None:
            return self
        return RequestOf(inner.request.id, inner.request.task, inner.requested_at)


_DECODER = msgspec.json.Decoder(_Carrier)


def request_of(message: Message) -> RequestOf | None:
    """The request that the message is about; None where it can't be read or says none."""
    raw = as_bytes(message.value())
    if raw is None:
        return RequestOf()
    try:
        about = _DECODER.decode(raw).about()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if about.id is None or about.task is None else about
