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


class LaneOffsets:
    """One topic's partitions: what was read, and what of it is answered.

    Implements `streams.kafka.group_member.Offsets`.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._partitions: dict[int, _Partition] = {}
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
            self._partitions[one.partition] = _Partition(read_metadata(one.metadata, one.offset))

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
        partition, offset = _position(message)
        if partition in self._partitions:
            self._partitions[partition].answer(offset)
            self._changed.add(partition)

    def mark_committed(self) -> None:
        self._changed.clear()

    def to_commit(self) -> list[TopicPartition]:
        """The oldest offset that is not answered, of each partition with news, and what follows it."""
        return [self._partitions[number].commit(self._topic, number) for number in sorted(self._changed)]

    def _is_new(self, message: Message) -> bool:
        partition, offset = _position(message)
        return partition in self._partitions and self._partitions[partition].receive(offset)


class _Partition:
    """Attributes:
    open: offsets that were read and are not answered.
    answered: offsets that are, unless all before them are too; some may not have been read again yet.
    """

    def __init__(self, answered: set[int]) -> None:
        self.open: dict[int, None] = {}
        self.answered = answered
        self._next = 0

    def receive(self, offset: int) -> bool:
        """Whether the offset is to be answered; it is open from then on."""
        self._next = max(self._next, offset + 1)
        if offset in self.answered or offset in self.open:
            return False
        self.open[offset] = None
        return True

    def answer(self, offset: int) -> None:
        if offset in self.open:
            del self.open[offset]
            self.answered.add(offset)

    def commit(self, topic: str, partition: int) -> TopicPartition:
        # Offsets are read in order, so the first key is the oldest.
        oldest = next(iter(self.open), self._next)
        while oldest in self.answered:  # by an earlier owner
            oldest += 1
        # What is still to be read again must be known then.
        known = min(oldest, self._next)
        self.answered = {offset for offset in self.answered if offset >= known}
        return TopicPartition(topic, partition, oldest, write_metadata(self.answered, oldest))


def write_metadata(answered: Iterable[int], oldest: int) -> str:
    """Which offsets after `oldest` are answered: a packed bit for each, at most `MOST_METADATA` characters.

    Where that is too long, the later half is left out until it fits.
    """
    bits = sorted(offset - oldest for offset in answered if offset > oldest)
    while bits:
        packed = bytearray(bits[-1] // 8 + 1)
        for bit in bits:
            packed[bit // 8] |= 1 << bit % 8
        text = _VERSION + base64.b85encode(zlib.compress(bytes(packed))).decode()
        if len(text) <= MOST_METADATA:
            return text
        bits = bits[: len(bits) // 2]
    return ""


def read_metadata(metadata: str | None, oldest: int) -> set[int]:
    """The offsets that `write_metadata` was given; none where the metadata is something else."""
    if not metadata or not metadata.startswith(_VERSION):
        return set()
    try:
        packed = zlib.decompress(base64.b85decode(metadata.removeprefix(_VERSION)))
    except (ValueError, binascii.Error, zlib.error):
        return set()
    return {
        oldest + 8 * place + bit for place, byte in enumerate(packed) for bit in range(8) if byte >> bit & 1
    }


def _position(message: Message) -> tuple[int, int]:
    return message.partition() or 0, message.offset() or 0
