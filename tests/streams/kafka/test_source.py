"""A source reads again exactly what did not become durable."""

from collections.abc import Iterable, Iterator, Sequence

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from streams.errors import DeliveryFailed, StateUnavailable
from streams.kafka.batch import Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import Delivery
from streams.kafka.source import Source
from tests.streams.building import message


class Reading(Consumer):
    """Remembers where it was told to read on."""

    def __init__(self) -> None:
        super().__init__({"group.id": "g", "bootstrap.servers": ""})
        self.reads_on: dict[int, int] = {}

    def seek(self, at: TopicPartition) -> None:
        self.reads_on[at.partition] = at.offset


class Delivering(Delivery):
    """Commits, unless it is told to fail."""

    def __init__(self) -> None:
        self.fails = False
        self.committed: dict[int, int] = {}

    def send(self, outgoing: Iterable[Outgoing]) -> None: ...

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        if self.fails:
            raise DeliveryFailed("the coordinator has moved")
        self.committed |= {at.partition: at.offset for at in offsets}

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Scripted(Source):
    """Settles batches at once: with no outputs, or by what `fails` says."""

    fails: Exception | None = None
    _delivery: Delivering

    def _settled(self, _: Sequence[Message]) -> list[Outgoing]:
        if self.fails is not None:
            raise self.fails
        return []


@pytest.fixture
def consumer() -> Iterator[Reading]:
    reading = Reading()
    yield reading
    reading.close()


@pytest.fixture
def source(consumer: Reading) -> Scripted:
    delivery = Delivering()
    made = Scripted(
        "r",
        "x",
        BatchChannel.__new__(BatchChannel),
        lambda: (consumer, delivery),
        dead_letters=DeadLetters("d", "r"),
        batch=10,
        commit_interval=100.0,
        drain=1.0,
        largest=1_000,
    )
    made._consumer, made._delivery = consumer, delivery
    made._stopping.set()
    made._progress.gained([TopicPartition("x", 0), TopicPartition("x", 1)])
    return made


def batch(partition: int, *offsets: int) -> list[Message]:
    return [message(b"", partition=partition, offset=offset) for offset in offsets]


def test_a_batch_that_waits_for_state_is_read_again_and_what_came_before_it_is_committed(
    source: Scripted, consumer: Reading
) -> None:
    source._process(batch(0, 0, 1, 2))
    source.fails = StateUnavailable("away")
    source._process(batch(0, 3, 4) + batch(1, 7))
    assert source._delivery.committed == {0: 3}
    assert consumer.reads_on == {0: 3, 1: 7}


def test_what_came_before_it_is_read_again_too_where_its_commit_fails(
    source: Scripted, consumer: Reading
) -> None:
    source._process(batch(0, 0, 1, 2))
    source.fails = StateUnavailable("away")
    source._delivery.fails = True
    source._process(batch(0, 3, 4) + batch(1, 7))
    assert source._delivery.committed == {}
    assert consumer.reads_on == {0: 0, 1: 7}


def test_a_failed_commit_reads_all_since_the_last_one_again(source: Scripted, consumer: Reading) -> None:
    source._process(batch(0, 5) + batch(1, 2))
    source._commit()
    source._process(batch(0, 6))
    source._delivery.fails = True
    source._process(batch(0, 7))
    source._commit()
    assert source._delivery.committed == {0: 6, 1: 3}
    assert consumer.reads_on == {0: 6}


def test_a_message_that_fails_alone_is_a_dead_letter_and_its_partition_goes_on(source: Scripted) -> None:
    source.fails = ValueError("a defect")
    [first, second] = source._handled(batch(0, 8, 9))
    assert (first.topic, second.topic) == ("d", "d")
    assert (
        dict(first.headers or [])["_dlq.errors.reason"],
        dict(first.headers or [])["_dlq.errors.offset"],
    ) == (b"ValueError: a defect", b"8")
