"""Offsets are committed when every output has been acknowledged, and never before."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from streams.errors import CommitRefused, DeliveryFailed, DeliveryFatal, GenerationChanged
from streams.kafka.batch import Outgoing
from streams.kafka.delivery import AtLeastOnce
from tests.streams.fakes import FakeBroker, FakeConsumer, FakeProducer, error

OUT, LOST = Outgoing("x.labels", b"key", b"value"), Outgoing("x.gone", b"key", b"value")
AT = [TopicPartition("x.requests", 0, 8)]
DELIVERED = ["produce x.labels", "flush", "commit [8]"]


class Room:
    def __init__(self) -> None:
        self.broker = FakeBroker()
        self.producer = FakeProducer(self.broker)
        clients: tuple[Any, Any] = FakeConsumer(self.broker), self.producer
        self.delivery = AtLeastOnce(*clients)

    def deliver(self, *outgoing: Outgoing) -> list[str]:
        self.delivery.send(outgoing)
        self.delivery.commit(AT)
        return self.broker.taken()


@pytest.fixture
def room() -> Room:
    return Room()


def test_offsets_follow_the_delivery_reports(room: Room) -> None:
    assert room.deliver(OUT) == DELIVERED
    room.delivery.commit([])
    assert room.broker.taken() == ["flush"], "nothing was read, nothing is committed"


@pytest.mark.parametrize("flags", [{}, {"fatal": True}])
def test_an_undelivered_output_holds_all_offsets(room: Room, flags: dict[str, bool]) -> None:
    room.producer.undelivered["x.gone"] = KafkaError(KafkaError._MSG_TIMED_OUT, "too late", **flags)
    with pytest.raises(DeliveryFatal if flags else DeliveryFailed, match="too late"):
        room.deliver(OUT, LOST, OUT)
    assert "commit [8]" not in room.broker.taken()
    with pytest.raises(DeliveryFailed if not flags else DeliveryFatal):
        room.delivery.commit(AT)
    assert "commit [8]" not in room.broker.taken(), "not by trying again either"
    room.delivery.abort()
    assert room.broker.taken() == ["purge", "flush"]
    assert room.deliver(OUT) == DELIVERED


def test_missing_reports_hold_the_offsets(room: Room) -> None:
    room.producer.left = 1
    with pytest.raises(DeliveryFailed, match="not acknowledged"):
        room.deliver(OUT)
    assert room.broker.taken() == DELIVERED[:2]


def test_a_purged_output_is_no_later_failure(room: Room) -> None:
    room.producer.undelivered["x.labels"] = KafkaError(KafkaError._PURGE_QUEUE)
    room.delivery.send([OUT])
    room.delivery.abort()
    room.producer.undelivered.clear()
    room.broker.taken()
    assert room.deliver(OUT) == DELIVERED


@pytest.mark.parametrize(
    ("code", "failure", "match"),
    [
        (KafkaError.UNKNOWN_MEMBER_ID, CommitRefused, "commit refused: what the broker said"),
        (KafkaError.ILLEGAL_GENERATION, GenerationChanged, "commit refused"),
        (KafkaError.FENCED_MEMBER_EPOCH, CommitRefused, "commit refused"),
        (KafkaError.FENCED_INSTANCE_ID, DeliveryFatal, r"`group\.instance\.id`: give each its own"),
        (KafkaError.REQUEST_TIMED_OUT, DeliveryFailed, "offsets were not committed: what the broker said"),
    ],
)
def test_a_refused_commit_says_why(room: Room, code: int, failure: type[Exception], match: str) -> None:
    room.broker.failures["commit [8]"] = [error(code)]
    with pytest.raises(failure, match=match) as caught:
        room.deliver(OUT)
    assert caught.type is failure
    room.delivery.abort()
    room.broker.taken()
    assert room.deliver(OUT) == DELIVERED
