"""Looks up the oldest message of a topic that a group has not read and committed."""

from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import KafkaFailed
from streams.kafka.message import time_of
from streams.kafka.partitions import partitions_of

_PROMPTLY = 15.0
_POLL = 0.5
_POLLS = 40


def oldest_unread(observer: Callable[[], Consumer], reader: Callable[[], Consumer], topic: str) -> int | None:
    """Time of the oldest message that a group has not committed, Unix milliseconds; None where there is none.

    Offsets alone would not say: where messages come in transactions, the log ends with a marker.

    Args:
        observer: opens a consumer that names the group; it is not going to join it.
        reader: opens a consumer that is in no group, and is told of the end of a partition.

    Raises:
        KafkaFailed: the topic can't be read.
    """
    starts = _committed(observer, topic)
    consumer = reader()
    times: list[int] = []
    try:
        consumer.assign([TopicPartition(topic, at, offset) for at, offset in starts.items()])
        left = set(starts)
        for _ in range(_POLLS):
            if not left:
                return min(times, default=None)
            for message in consumer.consume(len(left), _POLL):
                partition = message.partition() or 0
                if _is_settled(message, topic) and partition in left:
                    left.discard(partition)
                    consumer.pause([TopicPartition(topic, partition)])
                    if message.error() is None:
                        times.append(time_of(message))
    except KafkaException as error:
        raise KafkaFailed(f"topic can't be read: {error.args[0].str()}, topic={topic}") from error
    finally:
        consumer.close()
    raise KafkaFailed(f"topic can't be read in {_POLLS * _POLL:g} s, topic={topic}")


def _committed(observer: Callable[[], Consumer], topic: str) -> dict[int, int]:
    """The next offset that the group reads, of every partition."""
    consumer = observer()
    try:
        positions = [TopicPartition(topic, at) for at in partitions_of(consumer, topic)]
        committed = consumer.committed(positions, _PROMPTLY)
    except KafkaException as error:
        raise KafkaFailed(f"committed offsets can't be read: {error.args[0].str()}, topic={topic}") from error
    finally:
        consumer.close()
    return {at.partition: at.offset if at.offset >= 0 else OFFSET_BEGINNING for at in committed}


def _is_settled(message: Message, topic: str) -> bool:
    """Whether it is a message, or the end of its partition."""
    error = message.error()
    if error is None or error.code() == KafkaError._PARTITION_EOF:
        return True
    if error.fatal():
        raise KafkaFailed(f"topic can't be read: {error.str()}, topic={topic}")
    return False
