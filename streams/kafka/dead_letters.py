"""Dead letters: the original bytes, key and headers, and headers that say where it failed and why.

A message that is too large for its letter is left out of it; the headers say where it is.
"""

import logging
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from confluent_kafka import Message

from schemas.codec import Codec
from schemas.errors import InvalidMessage
from schemas.secrets import masked
from streams.errors import OutputTooLarge
from streams.kafka.batch import MessageOutputs, Outgoing
from streams.kafka.message import Headers, as_bytes, headers_of, time_of
from streams.kafka.size_limits import SizeLimits

log = logging.getLogger(__name__)

PREFIX = "_dlq.errors."
REPLAYED = f"{PREFIX}replayed"
"""Header of a mark: the letter at this `partition:offset` of the topic was replayed. A mark has no value."""

_LONGEST_REASON = 2_000
_LONGEST_KEY = 4_000
_SHORTEST_REASON = 100
_TOO_LARGE = b" (and it is too large to be repeated here)"

Record = TypeVar("Record", bound=msgspec.Struct)


class DeadLetters:
    """Makes the dead letters of one stage: of messages that it can't process.

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
            (f"{PREFIX}timestamp", str(time_of(message)).encode()),
            (f"{PREFIX}stage", self._stage.encode()),
            (f"{PREFIX}reason", masked(reason)[:_LONGEST_REASON].encode(errors="replace")),
        ]
        return Outgoing(self._topic, as_bytes(message.key()), as_bytes(message.value()), headers)

    def failure(self, message: Message, error: Exception) -> Outgoing:
        """The dead letter of a message that a role failed on."""
        return self.letter(message, f"{type(error).__name__}: {error}")

    def failed(self, message: Message, error: Exception) -> MessageOutputs:
        """The same as all that comes of the message; logs where the error was raised."""
        log.error(
            "a role failed on a message, it goes to dead letters: role=%s message=%s[%s]@%s",
            self._stage,
            message.topic(),
            message.partition(),
            message.offset(),
            exc_info=error,
        )
        return MessageOutputs(message, [self.failure(message, error)])

    def fit(self, outgoing: Iterable[Outgoing], limits: SizeLimits) -> bool:
        """Whether all messages may be produced as they are."""
        return all(_size(out) <= limits.below(out.topic) for out in outgoing)

    def fitting(self, outgoing: Iterable[Outgoing], limits: SizeLimits) -> list[Outgoing]:
        """The same messages; dead letters that are too large are cut to what fits.

        Raises:
            OutputTooLarge: another message is too large.
        """
        return [out if _size(out) <= limits.below(out.topic) else self._cut(out, limits) for out in outgoing]

    def _cut(self, output: Outgoing, limits: SizeLimits) -> Outgoing:
        limit = limits.of(output.topic)
        if output.topic != self._topic:
            raise OutputTooLarge(
                f"a message of {_size(output)} bytes for {output.topic} is over the producer's "
                "`message.max.bytes` or the topic's `max.message.bytes`, which leave "
                f"{limits.below(output.topic)} for value, key and headers"
            )
        if _size(output) <= limit:
            return output
        ours = dict(header for header in output.headers or [] if header[0].startswith(PREFIX))
        reason = as_bytes(ours[f"{PREFIX}reason"]) or b""
        ours[f"{PREFIX}reason"] = reason + _TOO_LARGE
        key = output.key if len(output.key or b"") <= min(_LONGEST_KEY, limit // 4) else None
        cut = Outgoing(output.topic, key, None, list(ours.items()))
        if (excess := _size(cut) - limit) > 0:
            ours[f"{PREFIX}reason"] = reason[: max(_SHORTEST_REASON, len(reason) - excess)] + _TOO_LARGE
        return Outgoing(output.topic, key, None, list(ours.items()))

    def decode_all(
        self, codec: Codec[Record], messages: Iterable[Message]
    ) -> tuple[list[tuple[Record, Message]], list[MessageOutputs]]:
        """The records in the messages, each with its message, and a dead letter for each that holds none."""
        decode = codec.decode
        records, letters = [], []
        for message in messages:
            try:
                records.append((decode(as_bytes(message.value()), headers_of(message)), message))
            except InvalidMessage as error:
                letters.append(MessageOutputs(message, [self.letter(message, str(error))]))
        return records, letters


def _size(message: Outgoing) -> int:
    _, key, value, headers = message
    size = len(key or b"") + len(value or b"")
    return size if not headers else size + sum(len(name) + len(content or b"") for name, content in headers)


def _own(message: Message) -> Headers:
    """The message's own headers, less those of an earlier failure."""
    return [(name, value) for name, value in headers_of(message) if not name.startswith(PREFIX)]
