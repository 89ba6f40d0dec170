"""Stall of a group's member: it owns partitions that its client does not fetch, and no error says so.

After a restart of the broker librdkafka may leave a partition unread for ever (librdkafka 5153; 5586, where a
member never learns from where to read on). Heartbeats go on meanwhile, so the group gives the partition to
nobody else; only a new member reads it. So once a partition has been silent for a while, its end is asked
for. Where the broker does not answer, nothing is known: during an outage no member leaves its group.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from confluent_kafka import OFFSET_END, OFFSET_INVALID, Consumer, KafkaException, TopicPartition

LOOK = 10.0
"""Seconds between two looks; a partition that is silent and behind at two of them in a row has stalled."""
_PROMPTLY = 2.0
_MOST_DOUBLINGS = 6
_FORGOTTEN = 3_600.0
"""Seconds after a stall from which on the next one counts as the first."""

Clock = Callable[[], float]


@dataclass(slots=True)
class _Place:
    """Where a partition is read.

    Attributes:
        position: next offset after what was consumed, at the last look.
        end: the last end that was reached. Marks of transactions, which nobody consumes, lie before it.
        sought: where the member went on from, until more is heard.
        is_fresh: heard of, or changed, since the last look.
        is_suspect: silent and behind at the last look.
    """

    position: int = OFFSET_INVALID
    end: int = OFFSET_INVALID
    sought: int | None = None
    is_fresh: bool = True
    is_paused: bool = False
    is_suspect: bool = False

    @property
    def reached(self) -> int:
        return self.sought if self.sought is not None else max(self.position, self.end)

    def was_silent(self, position: int) -> bool:
        """Whether nothing has been heard since the last look; this is the next."""
        is_silent = position == self.position and not self.is_fresh and not self.is_paused
        if position != self.position:
            self.sought = None
        self.position, self.is_fresh = position, False
        return is_silent


class MemberStallWatch:
    """For one member of a group, on its thread. Its consumer has to tell the ends of partitions."""

    def __init__(self, topic: str, clock: Clock = time.monotonic) -> None:
        self._topic = topic
        self._clock = clock
        self._places: dict[int, _Place] = {}
        self._looked_at = clock()
        self._stalls = 0
        self._stalled_at = clock()

    def add(self, partitions: Iterable[TopicPartition]) -> None:
        self._places |= {one.partition: _Place() for one in partitions}

    def remove(self, partitions: Iterable[TopicPartition]) -> None:
        for one in partitions:
            self._places.pop(one.partition, None)

    def clear(self) -> None:
        self._places.clear()

    def note_end(self, partition: int | None, offset: int | None) -> None:
        """The consumer is at the end of a partition."""
        if partition in self._places and offset is not None:
            place = self._places[partition]
            place.end, place.sought, place.is_fresh = offset, None, True

    def note_seek(self, partition: int, offset: int) -> None:
        if partition in self._places:
            place = self._places[partition]
            place.sought, place.is_fresh = offset, True

    def note_paused(self, partition: int, is_paused: bool) -> None:
        if partition in self._places:
            place = self._places[partition]
            place.is_paused, place.is_fresh = is_paused, True

    def find_stalled(self, consumer: Consumer) -> list[int]:
        """Partitions that hold more and have stood still at two looks in a row; the looks come at times.

        After each stall the looks are further apart: where Kafka is slow, a member must not leave for ever.
        """
        now = self._clock()
        if not self._places or now - self._looked_at < LOOK * 2**self._stalls:
            return []
        self._looked_at = now
        behind = self._find_behind(consumer)
        stalled = sorted(number for number in behind if self._places[number].is_suspect)
        for number, place in self._places.items():
            place.is_suspect = number in behind
        if stalled:
            self._note_stall(now)
        return stalled

    def _note_stall(self, now: float) -> None:
        if now - self._stalled_at > _FORGOTTEN:
            self._stalls = 0
        self._stalls = min(self._stalls + 1, _MOST_DOUBLINGS)
        self._stalled_at = now

    def _find_behind(self, consumer: Consumer) -> set[int]:
        """The silent ones before their ends; none where the broker does not say these."""
        try:
            owned = [TopicPartition(self._topic, number) for number in self._places]
            positions = {one.partition: one.offset for one in consumer.position(owned)}
            silent = [number for number, at in positions.items() if self._places[number].was_silent(at)]
            asked = [TopicPartition(self._topic, number, OFFSET_END) for number in silent]
            ends = consumer.offsets_for_times(asked, timeout=_PROMPTLY) if asked else []
        except KafkaException:
            return set()
        return {
            one.partition
            for one in ends
            if one.error is None and self._places[one.partition].reached < one.offset
        }
