"""A lane answers in any order, commits what is answered, and leaves the rest to the next owner."""

from collections.abc import Iterator

import pytest

from streams.errors import CommitRefused, DeliveryFailed, GenerationChanged
from streams.kafka.batch import Outgoing
from streams.kafka.lane_offsets import read_metadata
from streams.kafka.member_stall import LOOK, MemberStallWatch
from tests.streams.fakes import message
from tests.streams.kafka.stepped_lane import TOPIC, ZERO, Log, Stepped, answer, values


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
    assert not lane._is_member, "it goes on with the old producer"


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


def test_a_lane_that_has_paused_has_not_stalled(log: Log) -> None:
    lane, now = lane_of(log, 10, window=10), [0.0]
    lane._stall = MemberStallWatch(TOPIC, lambda: now[0])
    lane._stall.add(ZERO)

    def looks(times: int) -> list[bool]:
        found = []
        for _ in range(times):
            now[0] += LOOK
            found.append(lane._is_stalled())
            lane._run_round()
        return found

    lane._run_round()
    log.end = 11
    assert looks(5) == [False] * 5
    answer(lane, *range(6))
    lane._run_round()
    lane._run_round()
    assert log.paused[-1] is False
    assert looks(3) == [False, False, True], "the message that is left is not fetched"


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


def test_a_refused_record_costs_its_message_alone(log: Log) -> None:
    lane = lane_of(log, 20)
    lane._delivery.refused = {b"7"}
    answer(lane, *range(20))
    lane._run_round()
    durable = lane._delivery.durable
    assert sorted(values(out for out in durable if out.topic == "replies")) == sorted(
        b"%d" % offset for offset in range(20) if offset != 7
    )
    (letter,) = [out for out in durable if out.topic == "dead"]
    assert dict(letter.headers or [])["_dlq.errors.offset"] == b"7"
    assert (log.group.offset, len(lane.handed)) == (20, 20), "nothing was handed out again"
