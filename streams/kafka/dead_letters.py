"""Dead letters: the original bytes, key and headers, and headers that say where it failed and why."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from confluent_kafka import Message

from schemas.codec import Codec
from schemas.errors import InvalidMessage
from streams.kafka.batch import Outgoing
from streams.kafka.context import Headers, as_bytes, headers_of

PREFIX = "_dlq.errors."

Record = TypeVar("Record", bound=msgspec.Struct)


class DeadLetters:
    """Where one stage sends what it can't process.

    Args:
        topic: of the dead letters.
        stage: the role that gives up on a message.
    """

    def __init__(self, topic: str, stage: str) -> None:
        self._topic = topic
        self._stage = stage

    def letter(self, message: Message, reason: str) -> Outgoing:
        """The dead letter of `message`; `reason` says what was wrong, for people."""
        headers: Headers = [
            *_own(message),
            (f"{PREFIX}topic", str(message.topic()).encode()),
            (f"{PREFIX}partition", str(message.partition()).encode()),
            (f"{PREFIX}offset", str(message.offset()).encode()),
            (f"{PREFIX}stage", self._stage.encode()),
            (f"{PREFIX}reason", reason.encode()),
        ]
        return Outgoing(self._topic, as_bytes(message.key()), as_bytes(message.value()), headers)

    def decoded(
        self, codec: Codec[Record], messages: Iterable[Message]
    ) -> tuple[list[tuple[Record, Message]], list[Outgoing]]:
        """The records in the messages, each with its message, and a dead letter for each that holds none."""
        decode = codec.decode
        records, letters = [], []
        for message in messages:
            try:
                records.append((decode(as_bytes(message.value())), message))
            except InvalidMessage as error:
                letters.append(self.letter(message, str(error)))
        return records, letters


def _own(message: Message) -> Headers:
    """The message's own headers, less those of an earlier failure."""
    return [(name, value) for name, value in headers_of(message) if not name.startswith(PREFIX)]
