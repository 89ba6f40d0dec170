"""Finds the messages that hold a request's text, topic by topic, and cuts off what only they fill."""

from collections.abc import Iterator
from concurrent.futures import TimeoutError as Overdue
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.topics import Topics
from streams.errors import KafkaFailed
from streams.kafka.clients import admin_options
from streams.kafka.message import time_of
from streams.kafka.request_of import RequestOf, request_of
from streams.kafka.retention import NOT_ANSWERED, read_retention
from streams.kafka.topic_client import Reader
from streams.settings import Settings

_PROMPTLY = 10.0


def text_topics(topics: Topics) -> list[str]:
    """The topics whose messages hold texts."""
    asked = [topics.deferrals, topics.audits] if topics.audit_lane else [topics.deferrals]
    return [
        topics.requests,
        topics.encodings,
        *asked,
        topics.waiting,
        topics.replies,
        topics.traces,
        topics.dead_letters,
    ]


@dataclass(frozen=True, slots=True)
class Sought:
    """Requests that were made by a time.

    Attributes:
        id: of one request; None for all.
        task: None for any.
        until: Unix milliseconds.
    """

    id: str | None
    task: str | None
    until: int

    def covers(self, found: RequestOf, written_at: int) -> bool:
        if self.id not in (None, found.id) or self.task not in (None, found.task):
            return False
        return (written_at if found.requested_at is None else found.requested_at) <= self.until


@dataclass(slots=True)
class TopicFinding:
    """What one topic holds.

    Attributes:
        messages: that hold a text that is sought.
        tasks: that they belong to.
        unreadable: messages that can't be read, and may hold one.
        removed: of the messages, those that were cut off.
        expires_at: Unix milliseconds by which the broker has removed the others; None for never.
        expiry_known: the broker says how long it keeps the topic.
    """

    topic: str
    messages: int = 0
    tasks: set[str] = field(default_factory=set)
    unreadable: int = 0
    removed: int = 0
    expires_at: int | None = None
    expiry_known: bool = True

    @property
    def stays(self) -> bool:
        """Whether a text stays with no end in sight."""
        return self.messages > self.removed and self.expires_at is None


@dataclass(slots=True)
class _SearchedPartition:
    """Attributes:
    cut: offset up to which it holds nothing but what is sought; None before the first message.
    leading: messages before that.
    closed: a message that is to be kept has been read.
    """

    cut: int | None = None
    leading: int = 0
    closed: bool = False


def search(settings: Settings, topic: str, sought: Sought) -> tuple[TopicFinding, dict[int, int]]:
    """What a topic holds, and up to which offset of each partition it holds nothing else.

    Raises:
        KafkaFailed: the topic can't be read.
    """
    finding, partitions, newest = TopicFinding(topic), dict[int, _SearchedPartition](), 0
    for message in _messages(settings, topic):
        partition = partitions.setdefault(message.partition() or 0, _SearchedPartition())
        about = request_of(message)
        if about is not None and sought.covers(about, time_of(message)):
            finding.messages += 1
            finding.tasks.add(about.task or "")
            newest = max(newest, time_of(message))
            if not partition.closed:
                partition.cut, partition.leading = (message.offset() or 0) + 1, partition.leading + 1
        else:
            finding.unreadable += about is None
            partition.closed = True
    _note_expiry(settings, finding, newest)
    finding.removed = sum(partition.leading for partition in partitions.values())
    cuts = {number: at.cut for number, at in partitions.items() if at.cut is not None}
    return finding, cuts


def cut_off(settings: Settings, topic: str, cuts: dict[int, int]) -> bool:
    """Let the broker drop the messages before these offsets, partition by partition.

    Returns:
        Whether it has done that; librdkafka's broker in memory can't.

    Raises:
        KafkaFailed: it refuses, or can't be reached.
    """
    places = [TopicPartition(topic, partition, offset) for partition, offset in cuts.items()]
    try:
        admin = AdminClient(admin_options(settings))
        for future in admin.delete_records(places, request_timeout=_PROMPTLY).values() if places else ():
            future.result(2 * _PROMPTLY)
    except KafkaException as error:
        if error.args[0].code() in NOT_ANSWERED:
            return False
        raise KafkaFailed(f"messages of {topic} could not be removed: {error.args[0].str()}") from error
    except Overdue:
        return False
    return True


def _messages(settings: Settings, topic: str) -> Iterator[Message]:
    reader = Reader(settings, topic, from_start=True)
    try:
        yield from reader.to_end()
    finally:
        reader.close()


def _note_expiry(settings: Settings, finding: TopicFinding, newest: int) -> None:
    if not finding.messages:
        return
    retention = read_retention(settings, finding.topic)
    finding.expiry_known = retention is not None
    finding.expires_at = retention.latest_removal(newest) if retention else None
