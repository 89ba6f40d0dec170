"""A member that does not fetch its partitions any more is found, and none that has nothing to fetch."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from streams.kafka.member_stall import LOOK, MemberStallWatch

TOPIC = "requests"


class ScriptedPositions:
    """Consumer of some partitions.

    Attributes:
        positions: after what was consumed.
        ends: of the partitions, where the broker tells them.
        errors: of partitions whose ends it does not tell.
        asked: partitions whose ends were asked for, of each time.
    """

    def __init__(self, **ends: int) -> None:
        self.ends = {int(name[1:]): end for name, end in ends.items()}
        self.positions = dict.fromkeys(self.ends, OFFSET_INVALID)
        self.errors: set[int] = set()
        self.is_away = False
        self.asked: list[list[int]] = []

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(TOPIC, one.partition, self.positions[one.partition]) for one in partitions]

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float) -> list[Any]:
        assert timeout <= 2
        self.asked.append([one.partition for one in partitions])
        if self.is_away:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [_End(one.partition, self.ends, self.errors) for one in partitions]


class _End:
    def __init__(self, partition: int, ends: dict[int, int], errors: set[int]) -> None:
        self.partition = partition
        self.offset = ends[partition]
        self.error = KafkaError(KafkaError.LEADER_NOT_AVAILABLE) if partition in errors else None


class Member:
    """A watch over a client, with a clock of its own."""

    def __init__(self, **ends: int) -> None:
        self.client: Any = ScriptedPositions(**ends)
        self.now = 0.0
        self.watch = MemberStallWatch(TOPIC, lambda: self.now)
        self.watch.add([TopicPartition(TOPIC, number) for number in self.client.ends])

    def look(self, times: int = 1, every: float = LOOK) -> list[list[int]]:
        found = []
        for _ in range(times):
            self.now += every
            found.append(self.watch.find_stalled(self.client))
        return found


def test_a_partition_that_was_never_read_is_found() -> None:
    member = Member(p0=5, p1=5)
    member.client.positions[1] = 5
    assert member.look(3) == [[], [], [0]]


def test_messages_that_came_after_the_last_are_found() -> None:
    member = Member(p0=5)
    member.client.positions[0] = 5
    member.watch.note_end(0, 5)
    assert member.look(5) == [[]] * 5
    member.client.ends[0] = 6
    assert member.look(2) == [[], [0]]


def test_one_of_several_partitions_is_found() -> None:
    member = Member(p0=100, p1=100)
    found = []
    for position in range(3):
        member.client.positions[0] = position
        found += member.look()
    assert found == [[], [], [1]]
    assert all(asked == [1] for asked in member.client.asked), "nothing is asked of one that is read"


def test_what_is_read_slowly_has_not_stalled() -> None:
    member = Member(p0=100)
    for position in range(10):
        member.client.positions[0] = position
        assert member.look() == [[]]


def test_marks_of_transactions_are_no_messages() -> None:
    member = Member(p0=8)
    member.client.positions[0] = 6
    member.watch.note_end(0, 8)
    assert member.look(5) == [[]] * 5


def test_an_outage_says_nothing() -> None:
    member = Member(p0=5)
    member.look(2)
    member.client.is_away = True
    assert member.look(10) == [[]] * 10
    member.client.is_away = False
    assert member.look(2) == [[], [0]]


def test_a_partition_without_a_leader_says_nothing() -> None:
    member = Member(p0=5, p1=5)
    member.client.errors.add(0)
    assert member.look(3) == [[], [], [1]]


def test_a_client_that_stalls_after_a_seek_is_found() -> None:
    member = Member(p0=5)
    member.client.positions[0] = 5
    member.watch.note_end(0, 5)
    member.look(2)
    member.watch.note_seek(0, 2)
    assert member.look(3) == [[], [], [0]]


@pytest.mark.parametrize("end", [5, 6])
def test_what_is_read_again_after_a_seek_has_not_stalled(end: int) -> None:
    member = Member(p0=end)
    member.client.positions[0] = 5
    member.watch.note_end(0, end)
    member.watch.note_seek(0, 2)
    member.watch.note_end(0, end)
    assert member.look(5) == [[]] * 5


def test_a_member_that_goes_back_again_and_again_has_not_stalled() -> None:
    member = Member(p0=5)
    member.client.positions[0] = 5
    for _ in range(5):
        member.watch.note_seek(0, 2)
        assert member.look() == [[]]


def test_a_paused_partition_has_not_stalled() -> None:
    member = Member(p0=5)
    member.watch.note_paused(0, True)
    assert member.look(5) == [[]] * 5
    member.watch.note_paused(0, False)
    assert member.look(3) == [[], [], [0]]


@pytest.mark.parametrize("give_up", [lambda w: w.clear(), lambda w: w.remove([TopicPartition(TOPIC, 0)])])
def test_what_is_not_owned_has_not_stalled(give_up: Callable[[MemberStallWatch], None]) -> None:
    member = Member(p0=5)
    member.look(2)
    give_up(member.watch)
    for note in (member.watch.note_end, member.watch.note_seek):
        note(0, 3)
    member.watch.note_paused(0, False)
    assert member.look(3) == [[]] * 3


def test_each_stall_makes_the_next_look_later() -> None:
    member, stalls = Member(p0=5), list[float]()
    for _ in range(60):
        if member.look() == [[0]]:
            stalls.append(member.now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(stalls)]
    assert gaps
    assert gaps[0] >= 2 * LOOK
    assert all(later >= 2 * earlier for earlier, later in itertools.pairwise(gaps))


def test_a_stall_of_long_ago_is_forgotten() -> None:
    member = Member(p0=5)
    for _ in range(2):
        assert member.look(3, every=4 * LOOK)[-1] == [0]
        member.watch.clear()
        member.now += 4_000.0
        member.watch.add([TopicPartition(TOPIC, 0)])
    assert member.look(2, every=2 * LOOK) == [[], []]
    assert member.look(1, every=2 * LOOK) == [[0]], "not later than after the first"
