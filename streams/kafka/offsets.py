"""Tracks which partitions this worker owns, and the offsets it has processed since the last commit."""

from collections.abc import Iterable, Sequence

from confluent_kafka import Message, TopicPartition


class OffsetTracker:
    """One topic's partitions; `pending` is what a commit makes durable and an abort reads again."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._owned: set[int] = set()
        self._first: dict[int, int] = {}
        self._next: dict[int, int] = {}

    @property
    def pending(self) -> bool:
        return bool(self._next)

    def add(self, partitions: Iterable[TopicPartition]) -> None:
        self._owned.update(at.partition for at in partitions)

    def remove(self, partitions: Iterable[TopicPartition]) -> None:
        for at in partitions:
            self._owned.discard(at.partition)
            self._first.pop(at.partition, None)
            self._next.pop(at.partition, None)

    def drop_all(self) -> None:
        """Own no partition any more, and forget what is pending."""
        self._owned.clear()
        self.mark_committed()

    def only_owned(self, messages: Sequence[Message]) -> list[Message]:
        """The messages of owned partitions: a rebalance may happen while messages are consumed."""
        return [message for message in messages if message.partition() in self._owned]

    def mark_processed(self, messages: Iterable[Message]) -> None:
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None:
                self._first.setdefault(partition, offset)
                self._next[partition] = offset + 1

    def mark_committed(self) -> None:
        self._first.clear()
        self._next.clear()

    def to_commit(self) -> list[TopicPartition]:
        """The next offset to read, of each partition read from."""
        return [TopicPartition(self._topic, partition, offset) for partition, offset in self._next.items()]

    def to_rewind(self) -> list[TopicPartition]:
        """The first offset that is not committed, of each partition read from."""
        return [TopicPartition(self._topic, partition, offset) for partition, offset in self._first.items()]
