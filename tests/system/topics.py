"""What stands in a topic: as it arrives, or all of it once everybody has stopped."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from confluent_kafka import Consumer, Message, TopicPartition

from infra.harness.waiting import Stalled, wait_until
from schemas.codec import Codec
from streams.kafka.topic_client import Reader
from tests.system.deployment import Deployment, messages

Record = TypeVar("Record")


class Inbox(Generic[Record]):
    """Collects a topic's committed messages, from its start.

    Attributes:
        all: in the order of arrival.
    """

    def __init__(
        self, deployment: Deployment, topic: str, read: Callable[[Message], Record], *others: str
    ) -> None:
        self.all: list[Record] = []
        self._topic = topic
        self._read = read
        self._consumer = deployment.consumer(topic, *others)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def collect(self) -> list[Record]:
        """All that has arrived by now."""
        self.all.extend(self._read(message) for message in messages(self._consumer))
        return self.all

    def wait_for(self, enough: int, seconds: float = 60.0) -> list[Record]:
        """Fails when there are fewer by then."""
        try:
            wait_until(lambda: len(self.collect()) >= enough, seconds, f"{enough} messages in {self._topic}")
        except Stalled as overdue:
            overdue.add_note(f"there are {len(self.all)}; the last one: {self.all[-1:]}")
            raise
        return self.all


def decoded(codec: Codec[Any]) -> Callable[[Message], Any]:
    """Reads a message's value."""
    return lambda message: codec.decode(message.value())


def everything(deployment: Deployment, topic: str) -> list[Message]:
    """All committed messages of a topic, to its end."""
    reader = Reader(deployment.settings, topic, from_start=True)
    try:
        return list(reader.to_end())
    finally:
        reader.close()


def has_read_all(deployment: Deployment, role: str, topic: str) -> bool:
    """Whether a role has committed that it is past every message of the topic."""
    last: dict[int, int] = {}
    for message in everything(deployment, topic):
        last[message.partition()] = message.offset()
    return all(committed(deployment, role, topic, partition) > offset for partition, offset in last.items())


def committed(deployment: Deployment, role: str, topic: str, partition: int) -> int:
    """The next offset that the role's group would read; negative before its first commit.

    Asks as a client that does not subscribe: one that did would join the group, and take partitions.
    """
    group = f"{deployment.prefix}.{role}"
    consumer = Consumer({"bootstrap.servers": deployment.kafka, "group.id": group})
    try:
        offset: int = consumer.committed([TopicPartition(topic, partition)], 10)[0].offset
        return offset
    finally:
        consumer.close()


def reply_again(deployment: Deployment) -> None:
    """Produce every reply a second time, as a teacher does that was killed before it committed."""
    producer = deployment.producer()
    for message in everything(deployment, deployment.topics.replies):
        producer.produce(deployment.topics.replies, message.value(), message.key())
    assert producer.flush(30) == 0
