"""Tasks share a lane's window: who fills it makes room, and each message is answered or moved once."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import DeliveryFailed
from tests.streams.fakes import HEADERS, message
from tests.streams.kafka.stepped_lane import TOPIC, ZERO, Log, Stepped, answer, asked, claim_of

LATER = "later"
WINDOW = 40


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.group_member._BACK_OFF", 0.0)
    monkeypatch.setattr("streams.kafka.lane._PLAN", 0.0)
    monkeypatch.setattr("streams.kafka.lane._PLAN_SHARE", 0.0)


@pytest.fixture
def log() -> Iterator[Log]:
    consumer = Log()
    consumer.topics = {LATER, TOPIC}
    yield consumer
    consumer.close()


def test_who_fills_the_window_is_moved_on(log: Log) -> None:
    lane = lane_of(log, [*["hangs"] * 60, *["well"] * 5], LATER)
    rounds(lane, 3)
    assert Counter(waiting(lane)) == {"hangs": 15, "well": 5}
    moved = lane._delivery.durable
    assert {(one.topic, one.key, one.value) for one in moved} == {(LATER, b"key", asked("hangs"))}
    assert all(one.headers == HEADERS for one in moved)
    assert len(moved) == 45
    answer(lane, *range(65))
    rounds(lane, 2)
    assert log.group.offset == 65


@pytest.mark.parametrize("overflow", [LATER, TOPIC, None])
def test_what_is_parked_comes_when_there_is_room(log: Log, overflow: str | None) -> None:
    """The topic may be missing, or the lane may read it itself, or there may be none."""
    log.topics = {TOPIC}
    lane = lane_of(log, [*["hangs"] * 60, *["well"] * 30, *["hangs"] * 60], overflow)
    rounds(lane, 3)
    while (well := [one for one in lane.handed if one.is_waiting and task_of(one.message) == "well"]) != []:
        answer(lane, *[one.message.offset() or 0 for one in well])
        rounds(lane, 4)
    assert len(lane._delivery.durable) == 30
    assert log.group.offset == 0
    for _ in range(20):
        answer(lane, *range(150))
        rounds(lane, 3)
    assert log.group.offset == 150
    assert Counter(one.value for one in lane._delivery.durable) == {b"%d" % at: 1 for at in range(150)}


def test_who_parks_too_much_reads_on_what_it_recalls(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.lane._MOST_PARKED", 50)
    lane = lane_of(log, ["t"] * 400, None)
    rounds(lane, 3)
    assert log.paused[-1]
    for _ in range(60):
        answer(lane, *range(400))
        rounds(lane, 3)
    assert log.group.offset == 400
    assert not log.paused[-1]


def test_what_is_answered_is_not_taken_for_new(log: Log) -> None:
    """Although it lies before all that is open, and is read again on the way to what was recalled."""
    tasks = ["hangs", *["well"] * 35, *["hangs"] * 40, *["well"] * 60]
    lane = lane_of(log, tasks, None, batch=1)
    hung = [at for at, task in enumerate(tasks) if task == "hangs"]
    for _ in range(400):
        lane._run_round()
        answer(lane, *[at for at, task in enumerate(tasks) if task == "well"], *hung[:1])
    for _ in range(400):
        lane._run_round()
        answer(lane, *hung)
    assert log.group.offset == len(tasks)
    assert len(lane._delivery.durable) == len(tasks)


def test_what_was_deleted_is_let_go_and_nothing_else(log: Log) -> None:
    """Right after a seek, a client may still hand out what it had fetched before."""
    lane = lane_of(log, ["t"] * 200, None)
    rounds(lane, 3)
    del log.all[:100]
    for number in range(60):
        answer(lane, *range(200))
        lane._recall()
        if number % 3 == 0:
            log.waiting = [log.all[-1], *log.waiting]
        rounds(lane, 3)
    assert log.group.offset == 200
    replies = Counter(one.value for one in lane._delivery.durable)
    assert set(replies.values()) == {1}
    assert {b"%d" % at for at in range(100, 200)} <= replies.keys()
    assert len(replies) < 200


@pytest.mark.parametrize("length", [4_000, 9_000])
def test_messages_of_many_bytes_are_answered(log: Log, length: int) -> None:
    """Also where one alone is more than a task's share."""
    lane = lane_of(log, ["a" * length, "b" * length] * 2, TOPIC)
    for _ in range(20):
        answer(lane, *range(4))
        rounds(lane, 2)
    assert len(lane._delivery.durable) == 4


def test_audits_are_parked_where_they_are(log: Log) -> None:
    log.all = [message(asked("t", may_move=False), topic=TOPIC, offset=offset) for offset in range(60)]
    lane = started(log, LATER)
    rounds(lane, 3)
    assert lane._delivery.durable == []
    assert len(waiting(lane)) == WINDOW // 2


def test_what_is_to_be_given_up_comes_without_room(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [asked("t"), asked("t", until=2_000_000)]
    log.all = [message(times[offset == 50], topic=TOPIC, offset=offset) for offset in range(60)]
    monkeypatch.setattr("streams.kafka.lane.unix_ms", lambda: 1_000_000)
    lane = started(log, TOPIC)
    rounds(lane, 3)
    assert 50 not in [one.message.offset() for one in lane.handed if one.is_waiting]
    monkeypatch.setattr("streams.kafka.lane.unix_ms", lambda: 2_000_000)
    rounds(lane, 3)
    assert 50 in [one.message.offset() for one in lane.handed if one.is_waiting]


def test_the_next_owner_reads_what_was_parked(log: Log) -> None:
    first = lane_of(log, ["t"] * 60, None)
    rounds(first, 3)
    answer(first, *range(5))
    rounds(first, 1)
    first._on_revoke(log, ZERO)
    log.waiting = log.all[log.group.offset :]
    second = started(log, None, read=False)
    for _ in range(10):
        answer(second, *range(60))
        rounds(second, 3)
    assert {one.message.offset() for one in second.handed} == set(range(5, 60))
    assert log.group.offset == 60


@pytest.mark.parametrize(("overflow", "is_crowded"), [(TOPIC, False), (None, True)])
def test_parked_messages_leave_a_crowded_partition(
    log: Log, overflow: str | None, is_crowded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one task's would keep a commit from holding which of another's are answered."""
    monkeypatch.setattr("streams.kafka.lane_offsets.MOST_METADATA", 60)
    order = random.Random(0).choices(["hangs", "well"], k=400)
    lane = lane_of(log, order, overflow)
    for _ in range(60):
        answer(lane, *[at for at, task in enumerate(order) if task == "well"])
        rounds(lane, 3)
    moved = Counter(one.value for one in lane._delivery.durable if one.topic == TOPIC)
    assert (moved[asked("hangs")] == 0) is is_crowded
    assert lane._offsets.is_crowded(0) is is_crowded


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([LATER, TOPIC, None]), st.sampled_from([7, 100]))
def test_each_message_is_answered_or_moved_once(seed: int, overflow: str | None, batch: int) -> None:
    """Whoever answers when, and whatever transaction fails."""
    chance, log = random.Random(seed), Log()
    log.topics = {LATER, TOPIC}
    tasks = chance.choices("abcd", weights=[60, 20, 10, 1], k=300)
    lane = lane_of(log, tasks, overflow, batch)
    for number in range(400):
        lane._delivery.fails = DeliveryFailed("again") if number < 300 and chance.random() < 0.1 else None
        lane._run_round()
        waits = [one.message.offset() or 0 for one in lane.handed if one.is_waiting]
        answer(lane, *(chance.sample(waits, len(waits) // 3) if number < 100 else waits))
    log.close()
    replies = [int(one.value or b"") for one in lane._delivery.durable if one.topic == "replies"]
    moved = len(lane._delivery.durable) - len(replies)
    assert len(set(replies)) == len(replies)
    assert len(replies) + moved == 300
    assert moved == 0 or overflow == LATER
    assert log.group.offset == 300


def lane_of(log: Log, tasks: Sequence[str], overflow: str | None, batch: int = 100) -> Stepped:
    log.all = [message(asked(task), topic=TOPIC, offset=offset) for offset, task in enumerate(tasks)]
    return started(log, overflow, batch)


def started(log: Log, overflow: str | None, batch: int = 100, *, read: bool = True) -> Stepped:
    if read:
        log.waiting = list(log.all)
    return Stepped(log, WINDOW, 0.0, overflow, batch)


def rounds(lane: Stepped, count: int) -> None:
    for _ in range(count):
        lane._run_round()


def waiting(lane: Stepped) -> list[str]:
    """The tasks of the messages that the agent may work on."""
    return [task_of(one.message) for one in lane.handed if one.is_waiting]


def task_of(read: Message) -> str:
    claim = claim_of(read)
    assert claim is not None
    return claim.task
