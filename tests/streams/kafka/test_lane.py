"""A lane answers in any order, commits what is answered, and leaves the rest to the next owner."""

from collections.abc import Iterable, Iterator, Sequence
from unittest.mock import Mock

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from streams.errors import CommitRefused, DeliveryFailed, GenerationChanged
from streams.kafka.batch import Outgoing
from streams.kafka.channel import LaneChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import Delivery
from streams.kafka.lane import Lane
from streams.kafka.lane_offsets import read_metadata
from streams.kafka.open_message import OpenMessage
from tests.streams.fakes import error, message

TOPIC = "asked"
ZERO = [TopicPartition(TOPIC, 0)]


class Log(Consumer):
    """Partition 0 of a topic, and the group's last commit."""

    def __init__(self) -> None:
        super().__init__({"group.id": "g", "bootstrap.servers": ""})
        self.waiting: list[Message] = []
        self.group = TopicPartition(TOPIC, 0, 0)
        self.paused: list[bool] = []
        self.is_silent = False
        self.asked = 0

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        assert timeout <= 1
        given, self.waiting = self.waiting[:num_messages], self.waiting[num_messages:]
        return given

    def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        assert partitions == ZERO
        assert timeout > 0
        self.asked += 1
        if self.is_silent:
            raise error(-185)
        return [self.group]

    def pause(self, partitions: list[TopicPartition]) -> None:
        assert partitions == ZERO
        self.paused.append(True)

    def resume(self, partitions: list[TopicPartition]) -> None:
        assert partitions == ZERO
        self.paused.append(False)


class Transactions(Delivery):
    """What became durable; fails if the test says so."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.fails: DeliveryFailed | None = None
        self.open: list[Outgoing] = []
        self.durable: list[Outgoing] = []

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        self.open += outgoing

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        if self.fails is not None:
            raise self.fails
        self.durable += self.open
        self.open = []
        (self.log.group,) = offsets

    def abort(self) -> None:
        self.open = []

    def close(self) -> None: ...


class Stepped(Lane):
    """Runs its rounds on the test's thread; keeps what the agent would be handed."""

    _consumer: Log
    _delivery: Transactions

    def __init__(self, log: Log, window: int, drain: float) -> None:
        super().__init__(
            "teacher",
            TOPIC,
            LaneChannel.__new__(LaneChannel),
            lambda: (log, Transactions(log)),
            window=window,
            window_bytes=10_000,
            dead_letters=DeadLetters("dead", "teacher"),
            batch=100,
            commit_interval=0.0,
            drain=drain,
            max_bytes=20_000,
        )
        self.handed: list[OpenMessage] = []
        self._consumer, self._delivery, self._is_member = log, Transactions(log), True
        self._on_assign(log, ZERO)

    def _hand_over(self, messages: Sequence[Message]) -> None:
        self._event_loop = Mock(call_soon_threadsafe=lambda _, opened: self.handed.extend(opened))
        super()._hand_over(messages)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.group_member._BACK_OFF", 0.0)


@pytest.fixture
def log() -> Iterator[Log]:
    consumer = Log()
    yield consumer
    consumer.close()


def lane_of(log: Log, asked: int, *, window: int = 100, drain: float = 0.0) -> Stepped:
    """A lane that has read on."""
    start = log.group.offset
    log.waiting = [message(b"q", topic=TOPIC, offset=start + number) for number in range(asked)]
    lane = Stepped(log, window, drain)
    lane._run_round()
    return lane


def answer(lane: Stepped, *offsets: int) -> None:
    for one in lane.handed:
        if one.message.offset() in offsets and one.begin():
            one.answer([Outgoing("replies", None, str(one.message.offset()).encode())])


def values(outgoing: Iterable[Outgoing]) -> list[bytes | None]:
    return [one.value for one in outgoing]


def test_answers_are_durable_in_any_order(log: Log) -> None:
    lane = lane_of(log, 4)
    answer(lane, 2)
    answer(lane, 0)
    lane._run_round()
    assert values(lane._delivery.durable) == [b"2", b"0"]
    assert (log.group.offset, read_metadata(log.group.metadata)) == (1, 0b10)
    answer(lane, 1, 3)
    lane._run_round()
    assert (log.group.offset, log.group.metadata) == (4, "")


def test_the_next_owner_answers_only_what_is_open(log: Log) -> None:
    first = lane_of(log, 4)
    answer(first, 1, 3)
    first._run_round()
    second = lane_of(log, 4)
    assert [one.message.offset() for one in second.handed] == [0, 2]


def test_a_silent_group_means_answering_again(log: Log) -> None:
    first = lane_of(log, 2)
    answer(first, 1)
    first._run_round()
    log.is_silent = True
    assert [one.message.offset() for one in lane_of(log, 2).handed] == [0, 1]


def test_a_failed_transaction_is_sent_again_unasked(log: Log) -> None:
    lane = lane_of(log, 3)
    answer(lane, 0, 1)
    lane._delivery.fails = DeliveryFailed("the coordinator has moved")
    lane._run_round()
    assert (lane._delivery.durable, log.group.offset) == ([], 0)
    lane._delivery.fails = None
    answer(lane, 2)
    lane._run_round()
    assert sorted(values(lane._delivery.durable)) == [b"0", b"1", b"2"]
    assert log.group.offset == 3
    assert len(lane.handed) == 3, "nothing was handed out again"


def test_a_rebalance_in_between_asks_nothing_again(log: Log) -> None:
    lane = lane_of(log, 2)
    answer(lane, 0)
    lane._delivery.fails = GenerationChanged("the group rebalances")
    lane._run_round()
    assert lane._is_member
    lane._delivery.fails = None
    answer(lane, 1)
    lane._run_round()
    assert sorted(values(lane._delivery.durable)) == [b"0", b"1"]
    assert (log.group.offset, len(lane.handed)) == (2, 2)


def test_a_generation_that_never_comes_ends_the_membership(log: Log) -> None:
    lane = lane_of(log, 1)
    answer(lane, 0)
    lane._delivery.fails = GenerationChanged("another protocol")
    rounds = 0
    while lane._is_member:
        lane._run_round()
        rounds += 1
    assert rounds == 4


def test_a_member_that_leaves_asks_its_group_nothing(log: Log) -> None:
    lane = lane_of(log, 1)
    lane._delivery.fails = CommitRefused("no member")
    answer(lane, 0)
    lane._run_round()
    lane._on_assign(log, ZERO)
    assert log.asked == 1, "when it joined"


def test_a_refused_member_drops_all_it_held(log: Log) -> None:
    lane = lane_of(log, 2)
    answer(lane, 0)
    lane._delivery.fails = CommitRefused("no member")
    lane._run_round()
    assert not lane._is_member
    assert not lane.handed[1].begin(), "its next owner works on it"
    answer(lane, 1)
    lane._delivery.fails = None
    lane._commit()
    assert lane._delivery.durable == []


def test_revoked_work_is_waited_for(log: Log) -> None:
    lane = lane_of(log, 3, drain=30.0)
    in_work, waiting, put_off = lane.handed
    assert in_work.begin()
    assert put_off.begin()
    put_off.put_off()
    in_work.answer([Outgoing("replies", None, b"0")])
    lane._on_revoke(log, ZERO)
    assert values(lane._delivery.durable) == [b"0"]
    assert log.group.offset == 1
    assert waiting.is_withdrawn
    assert put_off.is_withdrawn


def test_work_that_ends_too_late_is_left_to_the_next(log: Log) -> None:
    lane = lane_of(log, 1, drain=0.01)
    assert lane.handed[0].begin()
    lane._on_revoke(log, ZERO)
    lane.handed[0].answer([Outgoing("replies", None, b"late")])
    lane._on_assign(log, ZERO)
    lane._run_round()
    assert (lane._delivery.durable, log.group.offset) == ([], 0)


def test_work_in_hand_is_withdrawn_if_put_off(log: Log) -> None:
    (one,) = lane_of(log, 1).handed
    assert one.begin()
    assert one.withdraw(), "it may still be answered"
    one.put_off()
    assert one.is_withdrawn
    assert not one.begin()


def test_lost_partitions_commit_nothing(log: Log) -> None:
    lane = lane_of(log, 2)
    answer(lane, 0)
    lane._send_answered()
    lane._on_lost(log, ZERO)
    lane._run_round()
    assert (lane._delivery.durable, log.group.offset) == ([], 0)


def test_a_full_window_pauses_until_half_is_answered(log: Log) -> None:
    lane = lane_of(log, 10, window=10)
    lane._run_round()
    assert log.paused == [False, True]
    answer(lane, *range(5))
    lane._run_round()
    lane._run_round()
    assert log.paused == [False, True]
    answer(lane, 5)
    lane._run_round()
    lane._run_round()
    assert log.paused == [False, True, False]


def test_a_partition_that_comes_back_is_resumed(log: Log) -> None:
    """The client may remember that it was paused."""
    lane = lane_of(log, 10, window=10)
    lane._run_round()
    lane._on_lost(log, ZERO)
    lane._on_assign(log, ZERO)
    lane._run_round()
    assert log.paused == [False, True, False]


def test_a_failed_lane_commits_no_more_as_it_leaves(log: Log) -> None:
    """What was sent went with the transaction; a later answer must not commit its offset."""
    lane = lane_of(log, 2, drain=30.0)
    answer(lane, 0)
    lane._send_answered()
    lane._let_go()
    lane._delivery.abort()
    answer(lane, 1)
    lane._on_revoke(log, ZERO)
    assert (lane._delivery.durable, log.group.offset) == ([], 0)


def test_no_transaction_is_open_while_work_is_waited_for(log: Log) -> None:
    lane = lane_of(log, 2, drain=0.01)
    answer(lane, 0)
    lane._send_answered()
    assert lane.handed[1].begin()
    lane._settle([0])
    assert lane._delivery.open == []
    assert values(lane._delivery.durable) == [b"0"]


def test_many_bytes_pause_as_well(log: Log) -> None:
    log.waiting = [message(b"q" * 9_000, topic=TOPIC, offset=number) for number in range(2)]
    lane = Stepped(log, 100, 0.0)
    lane._run_round()
    lane._run_round()
    assert log.paused == [False, True]


def test_an_output_too_large_is_a_dead_letter(log: Log) -> None:
    lane = lane_of(log, 1)
    assert lane.handed[0].begin()
    lane.handed[0].answer([Outgoing("replies", None, b"x" * 30_000)])
    lane._run_round()
    (letter,) = lane._delivery.durable
    assert letter.topic == "dead"
    assert log.group.offset == 1
