"""Outputs and offsets become durable in one transaction, or none of them does."""

import threading
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from streams.errors import (
    CommitRefused,
    DeliveryFailed,
    DeliveryFatal,
    ProducerBroken,
    ProducerLost,
    TransactionExpired,
)
from streams.kafka.batch import Outgoing
from streams.kafka.delivery import COMMIT_SETTLES, ExactlyOnce
from streams.kafka.own_fence import OwnFence
from tests.streams.fakes import FakeBroker, FakeConsumer, FakeProducer, error

OUT = Outgoing("x.labels", b"key", b"value")
AT = [TopicPartition("x.requests", 0, 8)]
WHOLE = ["begin", "produce x.labels", "offsets [8] of generation 7", "commit"]


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def delivery(broker: FakeBroker) -> Any:
    clients: tuple[Any, Any] = FakeConsumer(broker), FakeProducer(broker)
    opened = ExactlyOnce(*clients, "route.0", 30.0, lambda: broker.now)
    assert broker.taken() == ["init"]
    return opened


def test_batches_share_one_transaction(broker: FakeBroker, delivery: ExactlyOnce) -> None:
    delivery.send([OUT, OUT])
    delivery.send([OUT])
    delivery.commit(AT)
    assert broker.taken() == ["begin", *["produce x.labels"] * 3, *WHOLE[2:]]
    delivery.send([OUT])
    delivery.commit(AT)
    assert broker.taken() == WHOLE


def test_a_batch_without_outputs_is_committed(broker: FakeBroker, delivery: ExactlyOnce) -> None:
    delivery.commit([])
    delivery.abort()
    assert broker.taken() == []
    delivery.commit(AT)
    assert broker.taken() == []
    delivery.send([])
    delivery.commit(AT)
    assert broker.taken() == ["begin", *WHOLE[2:]]
    delivery.close()
    assert broker.taken() == []


@pytest.mark.parametrize(("elapsed", "waited"), [(0.0, [COMMIT_SETTLES]), (0.003, [0.001]), (0.004, [])])
def test_a_transaction_begins_once_the_last_has_settled(
    broker: FakeBroker, elapsed: float, waited: list[float]
) -> None:
    """Before that the broker refuses its partitions, and the client waits for longer."""
    pauses: list[float] = []
    clients: tuple[Any, Any] = FakeConsumer(broker), FakeProducer(broker)
    delivery = ExactlyOnce(*clients, "route.0", 30.0, lambda: broker.now, pause=pauses.append)
    deliver(delivery)
    broker.now += elapsed
    delivery.send(())
    assert pauses == pytest.approx(waited)


@pytest.mark.parametrize("failing", WHOLE)
@pytest.mark.parametrize("flags", [{}, {"txn_requires_abort": True}])
def test_an_abort_clears_any_failure(
    broker: FakeBroker, delivery: ExactlyOnce, failing: str, flags: dict[str, bool]
) -> None:
    broker.failures[failing] = [error(KafkaError.REQUEST_TIMED_OUT, **flags)]
    with pytest.raises(DeliveryFailed, match=r"what the broker said, .*'route\.0'"):
        deliver(delivery)
    assert broker.taken() == WHOLE[: WHOLE.index(failing) + 1], "nothing is tried after the failure"
    delivery.abort()
    assert broker.taken() == ([] if failing == "begin" else ["abort"])
    deliver(delivery)
    assert broker.taken() == WHOLE


@pytest.mark.parametrize("failing", ["begin", *WHOLE[2:]])
def test_retriable_calls_are_repeated_for_a_while(
    broker: FakeBroker, delivery: ExactlyOnce, failing: str
) -> None:
    passing = error(KafkaError._TIMED_OUT, retriable=True)
    broker.failures[failing] = [passing] * 2
    deliver(delivery)
    assert [call for call in broker.taken() if call == failing] == [failing] * 3
    broker.failures[failing] = [passing] * 100
    with pytest.raises(DeliveryFailed):
        deliver(delivery)
    assert 1 < broker.taken().count(failing) < 20


@pytest.mark.parametrize("failing", WHOLE)
@pytest.mark.parametrize(
    ("code", "flags"),
    [
        (KafkaError._FENCED, {}),
        (KafkaError.PRODUCER_FENCED, {}),
        (KafkaError.INVALID_PRODUCER_EPOCH, {}),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, {"fatal": True}),
    ],
)
def test_a_fenced_producer_is_fatal(
    broker: FakeBroker, delivery: ExactlyOnce, failing: str, code: int, flags: dict[str, bool]
) -> None:
    broker.failures[failing] = [error(code, **flags)]
    with (
        pytest.raises(DeliveryFatal, match=r"fenced or broken: .*UNDERSTUDY_SLOT.*'route\.0'"),
        closing(delivery),
    ):
        deliver(delivery)
    assert "abort" not in broker.taken(), "an abort would fail too, and hide why"


def test_one_fence_after_a_hindered_opening_is_its_own(broker: FakeBroker) -> None:
    clients: tuple[Any, Any] = FakeConsumer(broker), FakeProducer(broker)
    own_fence = OwnFence(lambda: broker.now)
    broker.failures["init"] = [error(KafkaError._TIMED_OUT)]
    with pytest.raises(DeliveryFailed):
        ExactlyOnce(*clients, "route.0", 30.0, own_fence=own_fence)
    for expected in (ProducerBroken, DeliveryFatal):
        delivery = ExactlyOnce(*clients, "route.0", 30.0, own_fence=own_fence)
        broker.failures["commit"] = [error(KafkaError._FENCED, fatal=True)]
        with pytest.raises(expected, match=r"fenced.*'route\.0'"), closing(delivery):
            deliver(delivery)
    assert "abort" not in broker.taken()


def test_an_opening_that_takes_long_is_hindered() -> None:
    now = [0.0]
    own_fence = OwnFence(lambda: now[0])
    for seconds, explains in ((1.0, False), (20.0, True)):
        with own_fence.opening():
            now[0] += seconds
        assert (own_fence.explains_one(), own_fence.explains_one()) == (explains, False)


def test_a_refused_transactional_id_is_fatal(broker: FakeBroker) -> None:
    clients: tuple[Any, Any] = FakeConsumer(broker), FakeProducer(broker)
    broker.failures["init"] = [error(KafkaError._FATAL, fatal=True)]
    with pytest.raises(DeliveryFatal):
        ExactlyOnce(*clients, "route.0", 30.0)


@pytest.mark.parametrize(
    ("failing", "code", "flags"),
    [
        *((call, KafkaError._FENCED, {"fatal": True}) for call in ["produce x.labels", *WHOLE[2:], "abort"]),
        ("commit", KafkaError.PRODUCER_FENCED, {}),
        ("abort", KafkaError._TIMED_OUT, {}),
    ],
)
def test_a_transaction_that_outlived_an_outage_is_none(
    broker: FakeBroker, delivery: ExactlyOnce, failing: str, code: int, flags: dict[str, bool]
) -> None:
    delivery.send([OUT])
    broker.now = 31.0
    broker.failures[failing] = [error(code, **flags)]
    with pytest.raises(TransactionExpired, match=r"more than 30 s, .*'route\.0'"):
        (delivery.abort if failing == "abort" else lambda: deliver(delivery))()
    broker.taken()
    delivery.close()
    assert broker.taken() == [], "the broker has aborted it"


class SilentProducer(FakeProducer):
    """Its coordinator never answers, so each call takes all the time that it may."""

    def commit_transaction(self, timeout: float) -> None:
        self.broker.now += timeout
        raise error(KafkaError._TIMED_OUT, retriable=True)

    def abort_transaction(self, timeout: float) -> None:
        self.commit_transaction(timeout)


def test_a_silent_coordinator_costs_one_transaction(broker: FakeBroker) -> None:
    clients: tuple[Any, Any] = FakeConsumer(broker), SilentProducer(broker)
    delivery = ExactlyOnce(*clients, "route.0", 10.0, lambda: broker.now)
    delivery.send([OUT])
    with pytest.raises(DeliveryFailed):
        delivery.commit(AT)
    with pytest.raises(TransactionExpired):
        delivery.abort()
    assert broker.now <= 12.0


class StuckProducer(FakeProducer):
    """Its calls do not return in time."""

    returns = threading.Event()

    def send_offsets_to_transaction(self, *_: Any) -> None:
        self.returns.wait()

    def init_transactions(self, _timeout: float) -> None:
        if self.broker.failures:
            self.returns.wait()


def test_a_call_that_never_returns_needs_new_clients(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.kafka.delivery._PROMPTLY", 0.01)
    monkeypatch.setattr("streams.kafka.delivery._CALL", 0.01)
    monkeypatch.setattr("streams.kafka.delivery._GRACE", 0.0)
    clients: tuple[Any, Any] = FakeConsumer(broker), StuckProducer(broker)
    delivery = ExactlyOnce(*clients, "route.0", 10.0, lambda: broker.now)
    delivery.send([OUT])
    with pytest.raises(ProducerLost, match=r"did not return in 0 s, .*'route\.0'"):
        delivery.commit(AT)
    broker.taken()
    delivery.close()
    assert broker.taken() == [], "the producer is left alone"
    broker.failures["init"] = []
    with pytest.raises(DeliveryFailed):
        ExactlyOnce(*clients, "route.0", 10.0, lambda: broker.now)
    StuckProducer.returns.set()


@pytest.mark.parametrize("failing", ["produce x.labels", *WHOLE[2:], "abort"])
def test_a_broken_producer_needs_new_clients(broker: FakeBroker, delivery: ExactlyOnce, failing: str) -> None:
    """The broker was restarted: it does not know the transaction that the producer holds open."""
    delivery.send([])
    broker.failures[failing] = [error(KafkaError.INVALID_TXN_STATE, fatal=True)]
    with pytest.raises(ProducerBroken, match=r"producer broken: .*'route\.0'"):
        (delivery.abort if failing == "abort" else lambda: deliver(delivery))()
    broker.taken()
    delivery.close()
    assert broker.taken() == [], "new clients abort what it has left open"


@pytest.mark.parametrize(
    "code", [KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.FENCED_MEMBER_EPOCH]
)
def test_a_lost_member_is_refused(broker: FakeBroker, delivery: ExactlyOnce, code: int) -> None:
    broker.failures[WHOLE[2]] = [error(code, txn_requires_abort=True)]
    with pytest.raises(CommitRefused, match="commit refused: what the broker said"):
        deliver(delivery)
    delivery.abort()
    assert broker.taken() == [*WHOLE[:3], "abort"]


def test_closing_aborts_what_is_open(broker: FakeBroker, delivery: ExactlyOnce) -> None:
    delivery.send([OUT])
    delivery.close()
    assert broker.taken() == [*WHOLE[:2], "abort"]


def test_a_full_queue_delays_and_sends_once(broker: FakeBroker, delivery: ExactlyOnce) -> None:
    broker.failures["produce x.labels"] = [BufferError(), BufferError()]
    delivery.send([OUT])
    assert broker.taken() == ["begin", *["produce x.labels", "poll"] * 2, "produce x.labels"]


def deliver(delivery: ExactlyOnce) -> None:
    delivery.send([OUT])
    delivery.commit(AT)
