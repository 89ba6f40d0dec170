"""Reads a topic again, from given offsets to what is its end; and tells how far a group has read one."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import KafkaFailed
from streams.kafka.partitions import partitions_of

_PROMPTLY = 15.0
_PATIENCE = 0.5


async def replay(
    connect: Callable[[], Consumer], topic: str, starts: Mapping[int, int], ends: dict[int, int], batch: int
) -> AsyncGenerator[list[Message], None]:
    """Batches of committed messages, in order within each partition.

    Args:
        starts: first offset of each partition, 0 where none is named; what is no longer there is left out.
        ends: filled in with the end of each partition, as it is reached.
        batch: messages at once, at most.

    Raises:
        KafkaFailed: the topic can't be read.
    """
    consumer = connect()
    try:
        open_ones = set(await asyncio.to_thread(partitions_of, consumer, topic))
        consumer.assign([TopicPartition(topic, at, starts.get(at, 0)) for at in open_ones])
        while open_ones - ends.keys():
            consumed = await asyncio.to_thread(consumer.consume, batch, _PATIENCE)
            yield [message for message in consumed if message.error() is None]
            for message in consumed:
                _note(message, topic, ends)
    finally:
        await asyncio.to_thread(consumer.close)


def committed_offsets(connect: Callable[[], Consumer], topic: str) -> dict[int, int]:
    """The next offset that a group would read, of each partition that it has read from.

    Args:
        connect: opens a consumer that names the group; it is not going to join it.

    Raises:
        KafkaFailed: the topic can't be read.
    """
    consumer = connect()
    try:
        wanted = [TopicPartition(topic, at) for at in partitions_of(consumer, topic)]
        found = consumer.committed(wanted, _PROMPTLY)
    except KafkaException as error:
        raise KafkaFailed(f"how far {topic} was read can't be told: {error.args[0].str()}") from error
    finally:
        consumer.close()
    return {at.partition: at.offset for at in found if at.offset >= 0}


def _note(message: Message, topic: str, ends: dict[int, int]) -> None:
    error = message.error()
    if error is None:
        return
    if error.code() == KafkaError._PARTITION_EOF:
        ends[message.partition() or 0] = message.offset() or 0
    elif error.fatal():
        raise KafkaFailed(f"{topic} can't be read again: {error.str()}")
