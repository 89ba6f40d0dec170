"""Re-reads a topic from given offsets to its end, and looks up the offsets that a group has committed."""

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
        numbers = set(await asyncio.to_thread(partitions_of, consumer, topic))
        consumer.assign([TopicPartition(topic, at, starts.get(at, 0)) for at in numbers])
        while numbers - ends.keys():
            consumed = await asyncio.to_thread(consumer.consume, batch, _PATIENCE)
            yield [message for message in consumed if message.error() is None]
            for message in consumed:
                _note_end(message, topic, ends)
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
        positions = [TopicPartition(topic, at) for at in partitions_of(consumer, topic)]
        committed = consumer.committed(positions, _PROMPTLY)
    except KafkaException as error:
        raise KafkaFailed(f"committed offsets can't be read: {error.args[0].str()}, topic={topic}") from error
    finally:
        consumer.close()
    return {at.partition: at.offset for at in committed if at.offset >= 0}


def _note_end(message: Message, topic: str, ends: dict[int, int]) -> None:
    error = message.error()
    if error is None:
        return
    if error.code() == KafkaError._PARTITION_EOF:
        ends[message.partition() or 0] = message.offset() or 0
    elif error.fatal():
        raise KafkaFailed(f"topic can't be re-read: {error.str()}, topic={topic}")
