"""Offsets of a lane, whose messages are answered in any order.

A commit holds, for each partition, the oldest offset that is not answered, and as the commit's metadata which
later ones are: so after a restart nothing that was answered is taken for new. Kafka keeps 4 KB of metadata;
what does not fit is answered again.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Sequence

from confluent_kafka import Message, TopicPartition

MOST_METADATA = 4_000
_VERSION = "1:"
_LONGEST_SPAN = 1 << 24
"""Offsets from the oldest open one on that are kept count of."""


class LaneOffsets:
    """One topic's partitions: what was read, and what of it is answered.

    Implements `streams.kafka.group_member.Offsets`.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._partitions: dict[int, _PartitionOffsets] = {}
        self._changed: set[int] = set()

    @property
    def pending(self) -> bool:
        return bool(self._changed)

    def add(self, partitions: Iterable[TopicPartition]) -> None:
        """Own these partitions from now on.

        Args:
            partitions: with the offsets and metadata of the group's last commit.
        """
        for one in partitions:
            self._partitions[one.partition] = _PartitionOffsets(one)

    def remove(self, partitions: Iterable[TopicPartition]) -> None:
        for one in partitions:
            self._partitions.pop(one.partition, None)
            self._changed.discard(one.partition)

    def drop_all(self) -> None:
        """Own no partition any more."""
        self._partitions.clear()
        self._changed.clear()

    def only_owned(self, messages: Sequence[Message]) -> list[Message]:
        """Of the messages those of owned partitions that are not answered yet, and are not being answered."""
        return [message for message in messages if self._is_new(message)]

    def mark_answered(self, message: Message) -> None:
        """Nothing where the partition is not owned any more."""
        self.mark_gone(*_position(message))

    def mark_gone(self, partition: int, offset: int) -> None:
        """The topic may not hold the message any more: nobody has to answer it."""
        if partition in self._partitions:
            self._partitions[partition].answer(offset)
            self._changed.add(partition)

    def is_crowded(self, partition: int) -> bool:
        """Whether there may soon be no room in a commit for all that is answered."""
        return partition in self._partitions and self._partitions[partition].is_crowded

    def mark_committed(self) -> None:
        self._changed.clear()

    def to_commit(self) -> list[TopicPartition]:
        """The oldest offset that is not answered, of each partition with news, and what follows it."""
        return [self._partitions[number].commit(self._topic, number) for number in sorted(self._changed)]

    def _is_new(self, message: Message) -> bool:
        partition, offset = _position(message)
        return partition in self._partitions and self._partitions[partition].receive(offset)


class _PartitionOffsets:
    """Attributes:
    open: offsets that were read and are not answered.
    answered: a bit for each offset from `base` on that is answered; of some by an earlier owner, who had read
        further.
    is_crowded: the metadata of the last commit took more than half of their room.
    """

    def __init__(self, committed: TopicPartition) -> None:
        self.open: dict[int, None] = {}
        self.base = max(committed.offset, 0)
        self.answered = read_metadata(committed.metadata)
        self._next = self.base
        self.is_crowded = False

    def receive(self, offset: int) -> bool:
        """Whether the offset is to be answered; it is open from then on."""
        is_far = not self.base <= offset < self.base + _LONGEST_SPAN
        if is_far or not (self.open or self.answered):
            # The group has no commit, or the log was cut off, or begun anew.
            self.open, self.answered, self.base, self._next = {}, 0, offset, offset
        self._next = max(self._next, offset + 1)
        if offset in self.open or self._is_answered(offset):
            return False
        self.open[offset] = None
        return True

    def answer(self, offset: int) -> None:
        if offset in self.open:
            del self.open[offset]
            self.answered |= 1 << offset - self.base

    def commit(self, topic: str, partition: int) -> TopicPartition:
        # Offsets are read in order, so the first key is the oldest.
        oldest = next(iter(self.open), self._next)
        while self._is_answered(oldest):  # by an earlier owner
            oldest += 1
        # What is still to be read again must be known then.
        known = min(oldest, self._next)
        self.answered >>= known - self.base
        self.base = known
        metadata = write_metadata(self.answered >> oldest - known)
        self.is_crowded = 2 * len(metadata) > MOST_METADATA
        return TopicPartition(topic, partition, oldest, metadata)

    def _is_answered(self, offset: int) -> bool:
        return bool(self.answered >> offset - self.base & 1)


def write_metadata(answered: int) -> str:
    """Which offsets after a committed one are answered, in at most `MOST_METADATA` characters.

    Where that is too long, the later half is left out until it fits.

    Args:
        answered: bit `n` stands for the offset `n` after it.
    """
    while answered:
        packed = answered.to_bytes(answered.bit_length() // 8 + 1, "little")
        text = _VERSION + base64.b85encode(zlib.compress(packed)).decode()
        if len(text) <= MOST_METADATA:
            return text
        answered &= (1 << answered.bit_length() // 2) - 1
    return ""


def read_metadata(metadata: str | None) -> int:
    """The bits that `write_metadata` was given; none where the metadata is something else."""
    if not metadata or not metadata.startswith(_VERSION):
        return 0
    try:
        packed = zlib.decompress(base64.b85decode(metadata.removeprefix(_VERSION)))
    except (ValueError, binascii.Error, zlib.error):
        return 0
    return int.from_bytes(packed, "little")


def _position(message: Message) -> tuple[int, int]:
    return message.partition() or 0, message.offset() or 0
