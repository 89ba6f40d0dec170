"""Topics for commands: read one to its end or for a time, or write messages and wait for the broker."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from msgspec import Struct

from schemas.codec import Codec
from schemas.errors import InvalidMessage
from streams.errors import KafkaFailed
from streams.kafka.batch import Outgoing
from streams.kafka.clients import open_reader, open_writer
from streams.kafka.delivery import deliver
from streams.kafka.message import as_bytes
from streams.kafka.partitions import partitions_of
from streams.settings import Settings

Record = TypeVar("Record", bound=Struct)

_PROMPTLY = 10.0
_POLL = 0.1
_SILENCE = 60.0
_NO_LEADER_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)


class Reader:
    """Reads all partitions of a topic.

    Args:
        from_start: from the oldest message, else from the next one that is written.
        newest: in place of `from_start`, this number of messages before the end of each partition.

    Raises:
        KafkaFailed: the broker does not answer, or has no such topic.
    """

    def __init__(self, settings: Settings, topic: str, *, from_start: bool = False, newest: int = 0) -> None:
        self._topic = topic
        self._consumer = open_reader(settings)
        partitions = partitions_of(self._consumer, topic)
        self._unfinished = set(partitions)
        if from_start:
            start = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions]
        else:
            # Pinned now: Kafka's own `end` is looked up later, and would skip what is written meanwhile.
            start = [
                TopicPartition(topic, number, self._before_end(topic, number, newest))
                for number in partitions
            ]
        self._consumer.assign(start)

    def to_end(self) -> Iterator[Message]:
        """The messages up to the end of the topic.

        Raises:
            KafkaFailed: nothing was heard for `_SILENCE` seconds.
        """
        heard, unfinished = time.monotonic(), len(self._unfinished)
        while self._unfinished:
            count = 0
            for message in self.next(0.5):
                count += 1
                yield message
            if count or len(self._unfinished) < unfinished:
                heard, unfinished = time.monotonic(), len(self._unfinished)
            elif time.monotonic() - heard > _SILENCE:
                raise KafkaFailed(
                    f"{self._topic}: Kafka has sent nothing for {_SILENCE:g} s, and the topic goes on: "
                    "is a broker away?"
                )

    def until(self, seconds: float, stopped: Callable[[], bool] = lambda: False) -> Iterator[Message]:
        """The messages that come within this number of seconds, or until `stopped` says so."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not stopped():
            yield from self.next(min(left, 0.5))

    def next(self, seconds: float) -> Iterator[Message]:
        """The messages that are there now, waiting at most `seconds` for one."""
        for message in self._consumer.consume(1000, 0.0) or self._consumer.consume(1, seconds):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                self._unfinished.discard(message.partition())
            elif error.fatal():
                raise KafkaFailed(f"{message.topic()}: {error.str()}")

    def close(self) -> None:
        self._consumer.close()

    def _before_end(self, topic: str, partition: int, newest: int) -> int:
        oldest, end = _watermarks(self._consumer, TopicPartition(topic, partition))
        return max(oldest, end - newest)


def read_records(reader: Reader, codec: Codec[Record]) -> Iterator[tuple[Record, Message]]:
    """The records up to the end of the topic, each with its message; what can't be decoded is left out.

    Closes the reader.
    """
    try:
        for message in reader.to_end():
            try:
                record = codec.decode(as_bytes(message.value()))
            except InvalidMessage:
                continue
            yield record, message
    finally:
        reader.close()


def _watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """The oldest offset of a partition and the next one; waits while a new topic has no leader yet.

    Raises:
        KafkaFailed: the broker does not say.
    """
    end = time.monotonic() + _PROMPTLY
    while True:
        try:
            oldest, following = consumer.get_watermark_offsets(partition, _PROMPTLY)
            return int(oldest), int(following)
        except KafkaException as problem:
            if problem.args[0].code() not in _NO_LEADER_YET or time.monotonic() > end:
                raise KafkaFailed(f"{partition.topic}: {problem.args[0].str()}") from problem
            time.sleep(_POLL)


def read_message(settings: Settings, topic: str, partition: int, offset: int) -> Message | None:
    """The message at an offset; None where there is none.

    Raises:
        KafkaFailed: the broker does not answer, or has no such topic.
    """
    consumer = open_reader(settings)
    try:
        if partition not in partitions_of(consumer, topic):
            return None
        place = TopicPartition(topic, partition, offset)
        oldest, end = _watermarks(consumer, place)
        if not oldest <= offset < end:
            return None
        consumer.assign([place])
        for message in consumer.consume(1, _PROMPTLY):
            if message.error() is None and message.offset() == offset:
                return message
        return None
    finally:
        consumer.close()


def write_messages(settings: Settings, outgoing: Iterable[Outgoing]) -> None:
    """Produce, and wait until the broker has acknowledged every message.

    Raises:
        DeliveryFailed: it did not; says why.
    """
    deliver(open_writer(settings), outgoing)
