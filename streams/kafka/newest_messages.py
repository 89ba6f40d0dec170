"""Newest messages of a topic, read once and in no group: for a person who asks, never for a role."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import KafkaFailed
from streams.kafka.message import time_of
from streams.kafka.partitions import partitions_of

_PROMPTLY = 5.0
_AT_ONCE = 500
_POLL = 0.2


def newest_messages(
    connect: Callable[[], Consumer], topic: str, most: int, most_bytes: int, seconds: float
) -> list[Message]:
    """The newest messages of a topic, oldest first; fewer where they are large, or the broker is slow.

    Each partition gives as many as any other.

    Args:
        most: messages in all.
        most_bytes: of their values; the oldest are dropped first.
        seconds: after which what was read has to do.

    Raises:
        KafkaFailed: the broker does not answer, or has no such topic.
    """
    with closing(connect()) as consumer:
        partitions = partitions_of(consumer, topic)
        try:
            starts = [
                start
                for number in partitions
                if (start := _start(consumer, TopicPartition(topic, number), most // max(1, len(partitions))))
            ]
            consumer.assign(starts)
            kept, size = deque[Message](), 0
            for message in _to_end(consumer, starts, time.monotonic() + seconds):
                kept.append(message)
                size += len(message)
                while size > most_bytes and len(kept) > 1:
                    size -= len(kept.popleft())
        except KafkaException as error:
            raise KafkaFailed(f"{topic} can't be read: {error.args[0].str()}") from error
    return sorted(kept, key=time_of)


def _start(consumer: Consumer, partition: TopicPartition, most: int) -> TopicPartition | None:
    """Where the newest messages of a partition begin; None where it has none."""
    oldest, end = consumer.get_watermark_offsets(partition, _PROMPTLY)
    if end <= oldest:
        return None
    return TopicPartition(partition.topic, partition.partition, max(int(oldest), int(end) - max(1, most)))


def _to_end(consumer: Consumer, starts: Sequence[TopicPartition], until: float) -> Iterator[Message]:
    unfinished = {start.partition for start in starts}
    while unfinished and (left := until - time.monotonic()) > 0:
        for message in consumer.consume(_AT_ONCE, min(left, _POLL)):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard(message.partition())
            elif error.fatal():
                raise KafkaFailed(f"{message.topic()} can't be read: {error.str()}")
