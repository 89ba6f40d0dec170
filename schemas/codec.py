"""Codecs: bytes to messages and back. A message that can't be decoded is refused with the field's name."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from schemas.errors import InvalidMessage
from schemas.events import Event
from schemas.messages import (
    AuditFailure,
    Deferral,
    Embedding,
    Encoding,
    Feedback,
    Forgotten,
    Label,
    Reply,
    Request,
    RequestId,
    TaskName,
    Trace,
)
from schemas.vector_headers import header_vector

Message = TypeVar("Message", bound=msgspec.Struct)
Headers = Sequence[tuple[str, str | bytes | None]]


class Codec(Generic[Message]):
    """JSON codec of one message type. Reuses msgspec's compiled decoder and encoder.

    Args:
        name: of the message, in errors; by default that of its type.
    """

    def __init__(self, message: type[Message], name: str | None = None) -> None:
        self.message = message
        self._name = name or message.__name__
        self._decoder = msgspec.json.Decoder(message)
        self.encode = msgspec.json.Encoder().encode

    def decode(self, raw: bytes | None, headers: Headers = ()) -> Message:  # noqa: ARG002 - see RequestCodec
        """The message in `raw`.

        Args:
            headers: of the Kafka message.

        Raises:
            InvalidMessage: not JSON, nested too deep, a field missing or wrong, or no value at all.
        """
        if raw is None:
            raise InvalidMessage(f"{self._name}: the message has no value")
        try:
            return self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidMessage(f"{self._name}: {error}") from error


class RequestCodec(Codec[Request]):
    """Codec of requests, whose vector may stand in a header (`schemas.vector_headers`)."""

    def __init__(self) -> None:
        super().__init__(Request)
        self._bare = Codec(_BareRequest, Request.__name__)

    def decode(self, raw: bytes | None, headers: Headers = ()) -> Request:
        """The request in `raw` and the headers; see `Codec.decode`."""
        vector = header_vector(headers) if headers else None
        if vector is None:
            return super().decode(raw)
        bare = self._bare.decode(raw)
        if bare.embedding is not None:
            raise InvalidMessage(
                "embedding: a header and the value both hold a vector, but a request has one"
            )
        return Request(bare.id, bare.task, bare.text, vector, bare.metadata)


class _BareRequest(msgspec.Struct, frozen=True):
    """A request's value, which needs neither text nor vector where a header holds the vector."""

    id: RequestId
    task: TaskName
    text: str | None = None
    embedding: Embedding | None = None
    metadata: dict[str, str] = {}


REQUEST = RequestCodec()
ENCODING = Codec(Encoding)
LABEL = Codec(Label)
DEFERRAL = Codec(Deferral)
REPLY = Codec(Reply)
TRACE = Codec(Trace)
AUDIT_FAILURE = Codec(AuditFailure)
EVENT = Codec(Event)
FEEDBACK = Codec(Feedback)
FORGOTTEN = Codec(Forgotten)
