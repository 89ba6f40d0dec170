"""Codecs: bytes to messages and back. A message that can't be decoded is refused with the field's name."""

from typing import Generic, TypeVar

import msgspec

from schemas.errors import InvalidMessage
from schemas.events import Event
from schemas.messages import (
    AuditFailure,
    Deferral,
    Encoding,
    Feedback,
    Forgotten,
    Label,
    Reply,
    Request,
    Trace,
)

Message = TypeVar("Message", bound=msgspec.Struct)


class Codec(Generic[Message]):
    """JSON codec of one message type. Reuses msgspec's compiled decoder and encoder."""

    def __init__(self, message: type[Message]) -> None:
        self.message = message
        self._decoder = msgspec.json.Decoder(message)
        self.encode = msgspec.json.Encoder().encode

    def decode(self, raw: bytes | None) -> Message:
        """The message in `raw`.

        Raises:
            InvalidMessage: not JSON, nested too deep, a field missing or wrong, or no value at all.
        """
        if raw is None:
            raise InvalidMessage(f"{self.message.__name__}: the message has no value")
        try:
            return self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidMessage(f"{self.message.__name__}: {error}") from error


REQUEST = Codec(Request)
ENCODING = Codec(Encoding)
LABEL = Codec(Label)
DEFERRAL = Codec(Deferral)
REPLY = Codec(Reply)
TRACE = Codec(Trace)
AUDIT_FAILURE = Codec(AuditFailure)
EVENT = Codec(Event)
FEEDBACK = Codec(Feedback)
FORGOTTEN = Codec(Forgotten)
