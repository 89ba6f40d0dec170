"""A worker that may start without Kafka does, and reads its topics once Kafka is there."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message

from streams.errors import KafkaFailed
from streams.kafka import topic_reader
from streams.kafka.late_start import LateStart
from streams.kafka.topic_reader import TopicReader


class _Consumer:
    """Of a topic whose partitions are added one by one; each has one message."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.assigned: list[Any] = []
        self._coming: list[Any] = []

    def list_topics(self, topic: str, timeout: float) -> Any:  # noqa: ARG002
        numbers = dict.fromkeys(range(self.partitions))
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=numbers)})

    def incremental_assign(self, places: Any) -> None:
        self.assigned += places
        end = KafkaError(KafkaError._PARTITION_EOF)
        for place in places:
            for error in (None, end):
                self._coming.append(_message(place.partition, error))

    def consume(self, _most: int, _seconds: float) -> list[Any]:
        coming, self._coming = self._coming, []
        return coming

    def close(self) -> None:
        pass


def _message(partition: int, error: KafkaError | None) -> Any:
    offset = 0 if error is None else 1
    return SimpleNamespace(error=lambda: error, partition=lambda: partition, offset=lambda: offset)


class _Reader(TopicReader):
    def __init__(self, connect: Any, late_start: LateStart | None = None, *, is_needed: bool = True) -> None:
        super().__init__("t", connect, at_once=10, late_start=late_start, is_needed=is_needed)
        self.taken: list[int | None] = []

    def _take(self, messages: list[Message]) -> None:
        self.taken += [message.partition() for message in messages]


async def until(condition: Any) -> None:
    while not condition():
        await turn()


async def turn() -> None:
    await asyncio.sleep(0.001)


async def test_it_starts_without_kafka_and_reads_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_reader, "_AGAIN", 0.001)
    is_there, said = threading.Event(), list[str]()

    def connect() -> Any:
        if not is_there.is_set():
            raise KafkaFailed("away")
        return _Consumer(2)

    late = LateStart()
    late.expect("t", lambda: said.append("read"), lambda: said.append("away"))
    reader = _Reader(connect, late)
    await asyncio.wait_for(reader.start(), 20)
    assert (said, late.is_over) == (["away"], False)
    is_there.set()
    await until(lambda: late.is_over)
    assert (said, sorted(reader.taken)) == (["away", "read"], [0, 1])
    await reader.stop()


async def test_what_is_only_shown_ends_no_worker_and_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_reader, "_AFTER_FAILURE", 0.001)
    broken = [RuntimeError("a defect"), KafkaFailed("away")]

    def connect() -> Any:
        if broken:
            raise broken.pop(0)
        return _Consumer(2)

    monkeypatch.setattr(topic_reader, "_AGAIN", 0.001)
    reader = _Reader(connect, is_needed=False)
    await asyncio.wait_for(reader.start(), 20)
    await until(lambda: len(reader.taken) == 2)
    assert not reader.crashed
    await reader.stop()


async def test_others_end_without_kafka() -> None:
    def connect() -> Any:
        raise KafkaFailed("away")

    reader = _Reader(connect)
    await reader.start()
    await until(lambda: reader.crashed)
    await reader.stop()


async def test_new_partitions_are_read_from_their_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_reader, "_NEW_PARTITIONS", 0.0)
    consumer = _Consumer(1)
    reader = _Reader(lambda: consumer)
    await reader.start()
    consumer.partitions = 3
    await until(lambda: len(reader.taken) == 3)
    assert [(one.partition, one.offset) for one in consumer.assigned] == [
        (number, OFFSET_BEGINNING) for number in range(3)
    ]
    await reader.stop()
