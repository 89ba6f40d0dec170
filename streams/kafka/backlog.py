"""Backlog of a topic: what a role's group has not finished yet, and its oldest messages. Calls block."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.topics import Topics
from streams.errors import KafkaFailed
from streams.kafka.clients import open_group_observer, open_observer, open_peeker
from streams.kafka.message import time_of
from streams.kafka.partitions import partitions_of
from streams.settings import Settings

_PROMPTLY = 10.0


@dataclass(frozen=True, slots=True)
class UnreadRange:
    """Messages of one partition that a group has not finished.

    The end of a transaction takes an offset too, and nobody reads it: a range of one may hold no message.

    Attributes:
        first: offset of the oldest that the broker still holds.
        end: offset after the newest.
    """

    partition: int
    first: int
    end: int

    @property
    def count(self) -> int:
        return self.end - self.first


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """How far a group has read a topic, as of one look.

    Attributes:
        ends: of each partition, the offset after its newest message.
        unread: the offset of the oldest message that the group has not finished, of each partition with one.
        committed: the next offset that the group would read, of each partition that it has committed.
    """

    ends: Mapping[int, int]
    unread: Mapping[int, int]
    committed: Mapping[int, int] = field(default_factory=dict)


def asked_lanes(topics: Topics) -> dict[str, str]:
    """By topic on which any teacher is asked, the role of the group of the built-in one that reads it.

    All audits stand on one of them, and stay there until they are answered.
    """
    audits = {topics.audits: "teacher-audits"} if topics.audit_lane else {}
    return {topics.deferrals: "teacher", **audits}


def teacher_lanes(topics: Topics) -> dict[str, str]:
    """The same, and the topic that the built-in teacher itself puts requests off to."""
    return {**asked_lanes(topics), topics.waiting: "teacher-waiting"}


def read_unread(settings: Settings, role: str, topic: str) -> list[UnreadRange] | None:
    """The partitions of a topic that a role's group has not read to their ends; None before its first commit.

    Raises:
        KafkaFailed: the broker does not answer, or has no such topic.
    """
    with closing(open_group_observer(settings, role)) as consumer:
        committed, ranges = _ranges(consumer, topic)
    return [one for one in ranges if one.count > 0] if committed else None


def oldest_unread(settings: Settings, group: str, topic: str) -> int | None:
    """Time of the oldest message that a group has not finished, Unix milliseconds; None where there is none.

    Before its first commit a group has finished nothing.

    Args:
        group: its whole name.

    Raises:
        KafkaFailed: as for `read_unread`.
    """
    with closing(open_observer(settings, group)) as consumer:
        _, ranges = _ranges(consumer, topic)
    return min(map(time_of, _first_of(settings, topic, ranges)), default=None)


class GroupObserver:
    """Looks how far a group has read a topic, again and again over the same connections. Calls block.

    Args:
        group: its whole name.
    """

    def __init__(self, settings: Settings, group: str, topic: str) -> None:
        self.topic = topic
        self._settings = settings
        self._group = group
        self._observer: Consumer | None = None
        self._peeker: Consumer | None = None

    def look(self) -> GroupProgress:
        """How far the group has read; before its first commit it has finished nothing.

        Raises:
            KafkaFailed: as for `read_unread`.
        """
        if self._observer is None:
            self._observer = open_observer(self._settings, self._group)
        committed, ranges = _ranges(self._observer, self.topic)
        first: list[Message] = []
        if unread := [one for one in ranges if one.count > 0]:
            if self._peeker is None:
                self._peeker = open_peeker(self._settings)
            first = first_messages(self._peeker, self.topic, unread)
        return GroupProgress(
            {one.partition: one.end for one in ranges},
            {message.partition() or 0: message.offset() or 0 for message in first},
            committed,
        )

    def close(self) -> None:
        """Close the connections; the next look opens others."""
        for consumer in (self._observer, self._peeker):
            if consumer is not None:
                consumer.close()
        self._observer = self._peeker = None


def read_oldest(settings: Settings, topic: str, unread: Sequence[UnreadRange], most: int) -> list[Message]:
    """Of each partition the first of the unread messages, `most` of them.

    Raises:
        KafkaFailed: the broker does not answer, or has no such topic.
    """
    with closing(open_peeker(settings)) as consumer:
        return _read_oldest(consumer, topic, unread, most)


def first_messages(consumer: Consumer, topic: str, unread: Sequence[UnreadRange]) -> list[Message]:
    """The first message of each range, by a consumer that is kept for further looks (`open_peeker`).

    Raises:
        KafkaFailed: the broker does not answer.
    """
    found = _read_oldest(consumer, topic, unread, 1)
    consumer.unassign()
    return found


def _read_oldest(consumer: Consumer, topic: str, unread: Sequence[UnreadRange], most: int) -> list[Message]:
    left = {one.partition: most for one in unread}
    ends = {one.partition: one.end for one in unread}
    found: list[Message] = []
    consumer.assign([TopicPartition(topic, one.partition, one.first) for one in unread])
    while left:
        messages = consumer.consume(1000, 0.0) or consumer.consume(1, _PROMPTLY)
        if not messages:
            raise KafkaFailed(f"could not read a backlog: the broker does not answer, topic={topic}")
        for message in messages:
            number, error = int(message.partition() or 0), message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaFailed(f"could not read a backlog: {error.str()}, topic={topic}")
            if number not in left:
                continue
            if error is None:
                found.append(message)
                left[number] -= 1
            if error is not None or left[number] == 0 or (message.offset() or 0) + 1 >= ends[number]:
                del left[number]
    return found


def _first_of(settings: Settings, topic: str, ranges: Sequence[UnreadRange]) -> list[Message]:
    """The first message of each range that has one."""
    unread = [one for one in ranges if one.count > 0]
    return read_oldest(settings, topic, unread, 1) if unread else []


def _ranges(consumer: Consumer, topic: str) -> tuple[dict[int, int], list[UnreadRange]]:
    """What the consumer's group has committed, and what it has not finished of each partition."""
    try:
        places = [TopicPartition(topic, number) for number in partitions_of(consumer, topic)]
        committed = consumer.committed(places, _PROMPTLY)
        ranges = [_unread_range(consumer, place) for place in committed]
    except KafkaException as error:
        raise KafkaFailed(f"could not read a backlog: {error.args[0].str()}, topic={topic}") from error
    return {place.partition: place.offset for place in committed if place.offset >= 0}, ranges


def _unread_range(consumer: Consumer, committed: TopicPartition) -> UnreadRange:
    oldest, end = consumer.get_watermark_offsets(committed, _PROMPTLY)
    return UnreadRange(committed.partition, max(int(oldest), committed.offset), int(end))
