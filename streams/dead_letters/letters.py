"""Dead letters as an operator sees them: read from their topic, without those that were replayed since."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from confluent_kafka import Message

from schemas.secrets import masked
from streams.kafka.batch import Outgoing
from streams.kafka.dead_letters import PREFIX, REPLAYED
from streams.kafka.message import Headers, as_bytes, attempt_of, headers_of, key_of, time_of
from streams.kafka.request_of import RequestOf, request_of
from streams.kafka.topic_client import Reader, read_message
from streams.settings import Settings


class Position(NamedTuple):
    """Where a letter stands in the topic of dead letters; written as `partition:offset`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError: the text is no position."""
        partition, found, offset = text.partition(":")
        if not (found and _is_number(partition) and _is_number(offset)):
            raise ValueError(f"`{text}` is no position: expected PARTITION:OFFSET, such as 2:17")
        return cls(int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Attributes:
    at: when it was written, Unix milliseconds.
    stage: the role that gave up on the message.
    topic: that the message came from.
    requested_at: broker's time of the message, Unix milliseconds; 0 in letters of earlier releases.
    task, request: of the request that it is about; None where it can't be read or names none.
    attempt: how often the message was replayed before it failed.
    headers: the message's own.
    """

    position: Position
    at: int
    stage: str
    reason: str
    topic: str
    requested_at: int
    task: str | None
    request: str | None
    attempt: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant; a letter suits if all that is given applies to it.

    Attributes:
        reason: a part of the reason, in any case of letters.
        since: Unix milliseconds.
        positions: empty for all.
    """

    reason: str | None = None
    stage: str | None = None
    task: str | None = None
    since: int | None = None
    positions: frozenset[Position] = frozenset()

    def suits(self, letter: DeadLetter) -> bool:
        return (
            (self.reason is None or self.reason.casefold() in letter.reason.casefold())
            and self.stage in (None, letter.stage)
            and self.task in (None, letter.task)
            and (self.since is None or letter.at >= self.since)
            and (not self.positions or letter.position in self.positions)
        )


@dataclass(slots=True)
class LetterIndex:
    """What the topic holds now.

    Attributes:
        replayed: letters that were replayed.
        last: offset of the last message of each partition; a replay that fails at once adds letters after it.
    """

    replayed: set[Position] = field(default_factory=set)
    last: dict[int, int] = field(default_factory=dict)


def index_letters(settings: Settings) -> LetterIndex:
    """Raises KafkaFailed: the topic can't be read."""
    index = LetterIndex()
    for message in _messages(settings):
        position = _position(message)
        index.last[position.partition] = position.offset
        replayed = replayed_by(message)
        if replayed is not None:
            index.replayed.add(replayed)
    return index


def read_letters(settings: Settings, index: LetterIndex) -> Iterator[DeadLetter]:
    """The letters that the index knows of, in order within each partition. Raises KafkaFailed."""
    for message in _messages(settings):
        position = _position(message)
        if position.offset <= index.last.get(position.partition, -1) and replayed_by(message) is None:
            yield letter_of(message)


def read_letter(settings: Settings, position: Position) -> DeadLetter | None:
    """The letter at a position; None where there is none. Raises KafkaFailed."""
    message = read_message(settings, settings.topics.dead_letters, *position)
    return None if message is None or replayed_by(message) is not None else letter_of(message)


def letter_of(message: Message) -> DeadLetter:
    """A message of the topic as a letter."""
    headers = headers_of(message)
    said = {name: _text(as_bytes(value)) for name, value in headers if name.startswith(PREFIX)}
    about, time = request_of(message) or RequestOf(), said.get(f"{PREFIX}timestamp", "")
    return DeadLetter(
        position=_position(message),
        at=time_of(message),
        stage=said.get(f"{PREFIX}stage", ""),
        reason=masked(said.get(f"{PREFIX}reason", "")),
        topic=said.get(f"{PREFIX}topic", ""),
        requested_at=int(time) if _is_number(time) else 0,
        task=about.task,
        request=about.id,
        attempt=attempt_of(headers),
        key=key_of(message),
        value=as_bytes(message.value()),
        headers=[(name, value) for name, value in headers if not name.startswith(PREFIX)],
    )


def replay_mark(topic: str, letter: DeadLetter) -> Outgoing:
    """Says on the topic of dead letters that a letter was replayed."""
    return Outgoing(topic, letter.key, None, [(REPLAYED, str(letter.position).encode())])


def _messages(settings: Settings) -> Iterator[Message]:
    reader = Reader(settings, settings.topics.dead_letters, from_start=True)
    try:
        yield from reader.to_end()
    finally:
        reader.close()


def replayed_by(message: Message) -> Position | None:
    """The letter that a mark is about; None for a message that is no mark."""
    for name, value in headers_of(message):
        if name == REPLAYED:
            try:
                return Position.parse(_text(as_bytes(value)))
            except ValueError:
                return None
    return None


def _position(message: Message) -> Position:
    return Position(message.partition() or 0, message.offset() or 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
