"""Outputs and offsets become durable in one transaction, or none of them does."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from streams.errors import DeliveryFailed, DeliveryFatal
from streams.kafka.batch import Outgoing
from streams.kafka.delivery import ExactlyOnce
from tests.streams.kafka.scripted import Broker, Consumer, Producer, error

OUT = Outgoing("x.labels", b"key", b"value")
AT = [TopicPartition("x.requests", 0, 8)]
WHOLE = ["begin", "produce x.labels", "offsets [8] of generation 7", "commit"]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def delivery(broker: Broker) -> Any:
    clients: tuple[Any, Any] = Consumer(broker), Producer(broker)
    opened = ExactlyOnce(*clients, "route.0")
    assert broker.taken() == ["init"]
    return opened


def test_all_batches_since_the_last_commit_share_a_transaction_with_their_offsets(
    broker: Broker, delivery: ExactlyOnce
) -> None:
    delivery.send([OUT, OUT])
    delivery.send([OUT])
    delivery.commit(AT)
    assert broker.taken() == ["begin", *["produce x.labels"] * 3, *WHOLE[2:]]
    delivery.send([OUT])
    delivery.commit(AT)
    assert broker.taken() == WHOLE


def test_a_batch_without_outputs_is_committed_and_offsets_of_no_batch_are_not(
    broker: Broker, delivery: ExactlyOnce
) -> None:
    delivery.commit([])
    delivery.abort()
    delivery.close()
    assert broker.taken() == []
    delivery.commit(AT)
    assert broker.taken() == []
    delivery.send([])
    delivery.commit(AT)
    assert broker.taken() == ["begin", *WHOLE[2:]]


@pytest.mark.parametrize("failing", WHOLE)
@pytest.mark.parametrize("flags", [{}, {"txn_requires_abort": True}])
def test_after_a_failure_anywhere_an_abort_clears_the_way_for_the_next_transaction(
    broker: Broker, delivery: ExactlyOnce, failing: str, flags: dict[str, bool]
) -> None:
    broker.failures[failing] = [error(KafkaError.REQUEST_TIMED_OUT, **flags)]
    with pytest.raises(DeliveryFailed, match=r"'route\.0': what the broker said"):
        deliver(delivery)
    assert broker.taken() == WHOLE[: WHOLE.index(failing) + 1], "nothing is tried after the failure"
    delivery.abort()
    assert broker.taken() == ([] if failing == "begin" else ["abort"])
    deliver(delivery)
    assert broker.taken() == WHOLE


@pytest.mark.parametrize("failing", ["begin", *WHOLE[2:]])
def test_what_may_pass_is_tried_again_as_it_is_but_not_for_ever(
    broker: Broker, delivery: ExactlyOnce, failing: str
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
def test_a_producer_that_is_fenced_or_broken_is_fatal_and_the_error_says_what_to_do(
    broker: Broker, delivery: ExactlyOnce, failing: str, code: int, flags: dict[str, bool]
) -> None:
    broker.failures[failing] = [error(code, **flags)]
    with pytest.raises(DeliveryFatal, match=r"'route\.0' can't go on: .*UNDERSTUDY_SLOT"):
        deliver(delivery)


def test_a_transactional_id_that_is_refused_is_fatal_at_once(broker: Broker) -> None:
    clients: tuple[Any, Any] = Consumer(broker), Producer(broker)
    broker.failures["init"] = [error(KafkaError._FATAL, fatal=True)]
    with pytest.raises(DeliveryFatal):
        ExactlyOnce(*clients, "route.0")


def test_closing_aborts_what_is_open(broker: Broker, delivery: ExactlyOnce) -> None:
    delivery.send([OUT])
    delivery.close()
    assert broker.taken() == [*WHOLE[:2], "abort"]


def test_a_full_queue_is_waited_for_and_the_message_is_sent_once(
    broker: Broker, delivery: ExactlyOnce
) -> None:
    broker.failures["produce x.labels"] = [BufferError(), BufferError()]
    delivery.send([OUT])
    assert broker.taken() == ["begin", *["produce x.labels", "poll"] * 2, "produce x.labels"]


def deliver(delivery: ExactlyOnce) -> None:
    delivery.send([OUT])
    delivery.commit(AT)
