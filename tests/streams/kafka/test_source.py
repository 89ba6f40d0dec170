"""A source reads again exactly what did not become durable."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streams.errors import (
    DeliveryFailed,
    KafkaFailed,
    ProducerBroken,
    ProducerLost,
    RecordRefused,
    StateUnavailable,
    TransactionExpired,
)
from streams.kafka.batch import MessageOutputs, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import AtLeastOnce, Delivery
from streams.kafka.record_sieve import Sifted, sift
from streams.kafka.size_limits import SizeLimits
from streams.kafka.source import Source
from tests.streams.fakes import FakeBroker, FakeConsumer, FakeProducer, error, flat, message, refusing


class Reading(Consumer):
    """Remembers the offsets that it has to continue from."""

    def __init__(self) -> None:
        super().__init__({"group.id": "g", "bootstrap.servers": ""})
        self.reads_on: dict[int, int] = {}

    def seek(self, at: TopicPartition) -> None:
        self.reads_on[at.partition] = at.offset


class Delivering(Delivery):
    """Commits, or fails if the test says so; refuses the records of `refused` values."""

    def __init__(self) -> None:
        self.fails = False
        self.refused: set[bytes] = set()
        self.committed: dict[int, int] = {}
        self.open: list[Outgoing] = []
        self.durable: list[Outgoing] = []

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        self.open += outgoing

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        if self.fails:
            raise DeliveryFailed("the coordinator has moved")
        if any(map(self.refuses, self.open)):
            raise RecordRefused("a record is too large")
        self.committed |= {at.partition: at.offset for at in offsets}
        self.durable += self.open
        self.open = []

    def refuses(self, output: Outgoing) -> bool:
        return output.value in self.refused

    def sift(self, messages: Sequence[Sequence[Outgoing]]) -> Sifted:
        if self.fails:
            raise DeliveryFailed("no answer in time")
        return sift(messages, refusing(self.refuses))

    def send_apart(self, parts: Iterable[Sequence[Sequence[Outgoing]]]) -> None:
        self.send(output for part in parts for outputs in part for output in outputs)

    def abort(self) -> None:
        self.open = []

    def close(self) -> None: ...


class Scripted(Source):
    """Settles batches at once: with no outputs, or by what `fails` says."""

    fails: Exception | None = None
    fails_at: int | None = None
    asked = 0
    batches: list[int]
    _delivery: Delivering
    _queued: list[list[Message]]

    def _consume(self, count: int, timeout: float) -> list[Message]:  # noqa: ARG002
        return self._queued.pop(0) if self._queued else []

    def _agent_outputs(self, messages: Sequence[Message]) -> list[MessageOutputs]:
        self.asked += len(messages)
        self.batches.append(len(messages))
        offsets = [message.offset() for message in messages]
        if self.fails is not None and (self.fails_at is None or self.fails_at in offsets):
            raise self.fails
        return [MessageOutputs(one, [Outgoing("out", b"", b"%d" % (one.offset() or 0))]) for one in messages]


@pytest.fixture
def consumer() -> Iterator[Reading]:
    reading = Reading()
    yield reading
    reading.close()


@pytest.fixture
def source(consumer: Reading) -> Scripted:
    delivery = Delivering()
    opened = Scripted(
        "r",
        "x",
        BatchChannel.__new__(BatchChannel),
        lambda: (consumer, delivery),
        dead_letters=DeadLetters("d", "r"),
        batch=10,
        commit_interval=100.0,
        drain=1.0,
        sizes=SizeLimits(1_000),
    )
    opened._consumer, opened._delivery = consumer, delivery
    opened.batches, opened._queued = [], []
    opened._stopping.set()
    opened._offsets.add([TopicPartition("x", 0), TopicPartition("x", 1)])
    return opened


def batch(partition: int, *offsets: int) -> list[Message]:
    return [message(b"", partition=partition, offset=offset) for offset in offsets]


def test_a_batch_without_state_is_read_again(source: Scripted, consumer: Reading) -> None:
    source._process(batch(0, 0, 1, 2))
    source.fails = StateUnavailable("away")
    source._process(batch(0, 3, 4) + batch(1, 7))
    assert source._delivery.committed == {0: 3}
    assert consumer.reads_on == {0: 3, 1: 7}


def test_so_are_earlier_ones_if_their_commit_fails(source: Scripted, consumer: Reading) -> None:
    source._process(batch(0, 0, 1, 2))
    source.fails = StateUnavailable("away")
    source._delivery.fails = True
    source._process(batch(0, 3, 4) + batch(1, 7))
    assert source._delivery.committed == {}
    assert consumer.reads_on == {0: 0, 1: 7}


def test_a_failed_commit_rewinds_to_the_last_one(source: Scripted, consumer: Reading) -> None:
    source._process(batch(0, 5) + batch(1, 2))
    source._commit()
    source._process(batch(0, 6))
    source._delivery.fails = True
    source._process(batch(0, 7))
    source._commit()
    assert source._delivery.committed == {0: 6, 1: 3}
    assert consumer.reads_on == {0: 6}


def test_a_failing_message_is_a_dead_letter(source: Scripted) -> None:
    source.fails = ValueError("a defect")
    [first, second] = flat(source._outputs_of(batch(0, 8, 9)))
    assert (first.topic, second.topic) == ("d", "d")
    assert (
        dict(first.headers or [])["_dlq.errors.reason"],
        dict(first.headers or [])["_dlq.errors.offset"],
    ) == (b"ValueError: a defect", b"8")


def test_a_batch_that_fails_is_halved(source: Scripted) -> None:
    source.fails, source.fails_at = ValueError("a defect"), 700
    outgoing = flat(source._outputs_of(batch(0, *range(1_024))))
    assert [out.topic for out in outgoing] == ["d" if offset == 700 else "out" for offset in range(1_024)]
    assert source.asked < 3 * 1_024


@pytest.mark.parametrize("batches", [[range(400)], [range(200), range(200, 400)]])
def test_a_refused_record_costs_its_message_alone(
    source: Scripted, consumer: Reading, batches: list[range]
) -> None:
    source._delivery.refused = {b"3", b"299"}
    for offsets in batches:
        source._process(batch(0, *offsets))
    source._commit()
    durable = source._delivery.durable
    others = [b"%d" % offset for offset in range(400) if offset not in (3, 299)]
    assert Counter(out.value for out in durable if out.topic == "out") == Counter(others), "each once"
    assert (source.asked, source._delivery.committed, consumer.reads_on) == (400, {0: 400}, {})
    letters = [dict(out.headers or []) for out in durable if out.topic == "d"]
    assert sorted(one["_dlq.errors.offset"] or b"" for one in letters) == [b"299", b"3"]
    assert {one["_dlq.errors.reason"] for one in letters} == {
        b"the broker refuses an output: what the broker said"
    }


def test_what_is_no_record_s_fault_is_no_dead_letter(
    source: Scripted, consumer: Reading, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing passes, eight times in a row: the pauses grow, one line says so, and one when it goes on."""
    caplog.set_level(logging.INFO)
    pauses: list[float] = []
    monkeypatch.setattr(source._stopping, "wait", pauses.append)
    source._delivery.fails = True
    for _ in range(8):
        source._process(batch(0, 5, 6))
        source._commit()
    assert (source._delivery.durable, consumer.reads_on) == ([], {0: 5})
    assert pauses == [1, 2, 4, 8, 10, 10, 10, 10]
    source._delivery.fails = False
    source._process(batch(0, 5, 6))
    source._commit()
    assert [out.topic for out in source._delivery.durable] == ["out", "out"]
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if "outputs can't be delivered" in line]) == 1
    assert len([line for line in said if "outputs are delivered again" in line]) == 1


class Group:
    """A source whose group answers each commit of offset 1 with the next of `answers`, None for success."""

    def __init__(self, *answers: Exception | None) -> None:
        self.broker = FakeBroker()
        self.answers = list(answers)
        self.members = 0
        self.no_broker_at: tuple[int, ...] = ()
        self.source = ScriptedMember(
            "r",
            "x",
            BatchChannel.__new__(BatchChannel),
            self.open_clients,
            dead_letters=DeadLetters("d", "r"),
            batch=10,
            commit_interval=100.0,
            drain=1.0,
            sizes=SizeLimits(1_000),
        )

    def open_clients(self) -> tuple[Any, Any]:
        self.members += 1
        if self.members in self.no_broker_at:
            raise DeliveryFailed("no broker")
        consumer: Any = FakeConsumer(self.broker)
        consumer.subscribe = lambda *_, on_assign, **__: on_assign(consumer, [TopicPartition("x", 0)])
        self.broker.messages = [batch(0, 0)]
        answer = self.answers.pop(0)
        self.broker.failures["commit [1]"] = [] if answer is None else [answer]
        if not self.answers:
            self.source.rounds = 2
        return consumer, AtLeastOnce(consumer, FakeProducer(self.broker))  # type: ignore[arg-type]

    def taken(self, call: str) -> int:
        return self.broker.calls.count(call)


class ScriptedMember(Source):
    """Produces an output a batch, waits for nothing, and stops after `rounds` where that is set."""

    rounds = -1

    def _agent_outputs(self, messages: Sequence[Message]) -> list[MessageOutputs]:
        return [MessageOutputs(messages[0], [Outgoing("out", b"", b"")])]

    def _run_round(self) -> None:
        super()._run_round()
        self.rounds -= 1
        if self.rounds == 0:
            self._stopping.set()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.source._BACK_OFF", 0.0)
    monkeypatch.setattr("streams.kafka.group_member._BACK_OFF", 0.0)


def run(group: Group) -> None:
    while not group.source._stopping.is_set():
        group.source._consume_as_member()


REFUSED = error(KafkaError.UNKNOWN_MEMBER_ID)


@pytest.mark.usefixtures("no_waiting")
def test_a_refused_member_rejoins() -> None:
    group = Group(REFUSED, None)
    run(group)
    assert (group.members, group.taken("close")) == (2, 2)
    assert (group.taken("produce out"), group.taken("commit [1]")) == (2, 2), (
        "read again once, by the new member"
    )


async def test_a_stop_waits_only_so_long_for_a_client_to_leave(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("streams.kafka.group_member._LEAVING", 0.01)
    group, may_leave, is_leaving = Group(None), threading.Event(), threading.Event()
    group.source._drain = 0.01
    open_clients = group.open_clients

    def open_one_that_stays() -> tuple[Any, Any]:
        consumer, delivery = open_clients()

        def close() -> None:
            is_leaving.set()
            may_leave.wait(30)

        consumer.close = close
        return consumer, delivery

    group.source._open_clients = open_one_that_stays
    try:
        await group.source.on_start()
        assert await asyncio.to_thread(is_leaving.wait, 30)
        await group.source.on_stop()
        assert "it is left behind: role=r" in caplog.text
    finally:
        may_leave.set()
        await asyncio.to_thread(group.source._thread.join, 30)


@pytest.mark.usefixtures("no_waiting")
def test_a_member_with_an_expired_transaction_rejoins() -> None:
    group = Group(TransactionExpired("open too long"), None)
    group.no_broker_at = (2, 3)
    run(group)
    assert (group.members, group.taken("close")) == (4, 2)
    assert group.taken("commit [1]") == 2, "read again, once there was a broker"


@pytest.mark.usefixtures("no_waiting")
def test_outages_end_no_member_however_many() -> None:
    """Each of them outlives a transaction, or makes a call of the producer wait for ever."""
    outages = [TransactionExpired("open too long"), ProducerLost("did not return")] * 5
    group = Group(*outages, None)
    run(group)
    assert group.members == len(outages) + 1


@pytest.mark.usefixtures("no_waiting")
def test_a_producer_that_breaks_again_and_again_ends_the_member() -> None:
    group = Group(*[ProducerBroken("broken")] * 9)
    with pytest.raises(KafkaFailed, match="3 times in a row"):
        run(group)


def test_a_member_needs_a_broker_at_the_start() -> None:
    group = Group(None)
    group.no_broker_at = (1,)
    with pytest.raises(DeliveryFailed):
        run(group)


@pytest.mark.usefixtures("no_waiting")
def test_a_member_stays_while_its_group_rebalances() -> None:
    group = Group(error(KafkaError.ILLEGAL_GENERATION))
    run(group)
    assert (group.members, group.source._refusals) == (1, 0)
    assert group.taken("seek 0") == 1, "what was not committed is read again"


@pytest.mark.usefixtures("no_waiting")
def test_a_member_that_can_t_go_back_rejoins() -> None:
    group = Group(error(KafkaError.ILLEGAL_GENERATION), None)
    group.broker.failures["seek 0"] = [error(KafkaError._STATE)]
    run(group)
    assert (group.members, group.taken("close")) == (2, 2)
    assert group.taken("commit [1]") == 2, "what was not committed is read again, by the new member"


@pytest.mark.usefixtures("no_waiting")
def test_a_member_refused_again_and_again_ends() -> None:
    group = Group(*[REFUSED] * 10)
    with pytest.raises(KafkaFailed, match=r"3 times in a row, .*`group\.protocol`\. role=r topic=x"):
        run(group)
    assert (group.members, group.taken("produce out"), group.taken("close")) == (3, 3, 3)


@pytest.mark.usefixtures("no_waiting")
def test_a_commit_resets_the_count_of_refusals() -> None:
    group = Group(REFUSED, REFUSED, None)
    run(group)
    assert (group.members, group.source._refusals) == (3, 0)


@pytest.mark.parametrize(("count", "committed"), [(1, {0: 1}), (2, {})])
def test_commits_are_close_together_only_while_the_source_keeps_up(
    source: Scripted, count: int, committed: dict[int, int]
) -> None:
    """A large batch says that more is waiting: then many messages share the cost of a commit."""
    source._commit_interval = 0.0
    source._committed_at = time.monotonic()
    source._queued = [batch(0, *range(count))]
    source._run_round()
    assert source._delivery.committed == committed


def test_who_waits_for_no_commit_goes_on_without_one(source: Scripted) -> None:
    source._committed_at, source._commits_when_idle = time.monotonic(), False
    source._process(batch(0, 0, 1, 2))
    source._queued = [[], batch(0, 3), batch(0, 4)]
    source._run_round()
    assert (source._delivery.committed, source.asked) == ({}, 5)


def test_messages_that_come_together_are_worked_on_together(source: Scripted) -> None:
    source._queued = [[], batch(0, 0), batch(0, 1, 2)]
    source._run_round()
    assert source.batches == [3]
