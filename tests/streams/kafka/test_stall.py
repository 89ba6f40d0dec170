"""A reader whose client has stopped fetching reads on with another one, and loses and doubles nothing."""

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.errors import KafkaFailed
from streams.kafka import stall, topic_reader
from streams.kafka.stall import StallWatch
from streams.kafka.topic_reader import TopicReader

HELD = 5
"""Messages of the partition."""


class StallingConsumer:
    """Consumer of one partition; gives `most` messages, `at_once` in a batch, and then nothing.

    Attributes:
        is_away: the broker does not answer.
    """

    def __init__(self, most: int = HELD, at_once: int = 1) -> None:
        self.is_away = False
        self._left = most
        self._at_once = at_once
        self._at = 0
        self.began: int | None = None

    def list_topics(self, topic: str, timeout: float) -> Any:  # noqa: ARG002
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: None})})

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        self.began = places[0].offset
        self._at = max(0, places[0].offset)

    def consume(self, _most: int, _seconds: float) -> list[Any]:
        batch = list[Any]()
        while len(batch) < self._at_once and self._left and self._at <= HELD:
            self._left -= 1
            error = KafkaError(KafkaError._PARTITION_EOF) if self._at == HELD else None
            batch.append(_message(self._at, error))
            self._at += 1
        return batch

    def get_watermark_offsets(self, _: TopicPartition, _seconds: float) -> tuple[int, int]:
        if self.is_away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return 0, HELD

    def close(self) -> None:
        pass


def _message(at: int, error: KafkaError | None) -> Any:
    return SimpleNamespace(error=lambda: error, partition=lambda: 0, offset=lambda: at)


class Reader(TopicReader):
    """Keeps offsets."""

    def __init__(self, connect: Any) -> None:
        super().__init__("labels", connect, at_once=1)
        self.seen: list[int | None] = []
        self.has_all = threading.Event()

    def _take(self, messages: list[Any]) -> None:
        self.seen += [message.offset() for message in messages]
        if len(self.seen) == HELD:
            self.has_all.set()


async def test_another_client_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "LOOK", 0.0)
    clients = [StallingConsumer(2), StallingConsumer(1), StallingConsumer(HELD)]
    opened = iter(clients)
    reader = Reader(lambda: next(opened))
    await reader.start()
    assert await asyncio.to_thread(reader.has_all.wait, 20)
    await reader.stop()
    assert reader.seen == list(range(HELD))
    assert [client.began for client in clients] == [-2, 2, 3]


async def test_kafka_may_be_away_where_another_client_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes seconds to know that: an outage of half a minute must not end the worker."""
    monkeypatch.setattr(stall, "LOOK", 0.0)
    monkeypatch.setattr(topic_reader, "_AGAIN", 0.0)
    away = KafkaFailed("Kafka is away")
    opened: Iterator[StallingConsumer | KafkaFailed] = iter(
        [StallingConsumer(2), away, away, StallingConsumer(HELD)]
    )

    def connect() -> StallingConsumer:
        one = next(opened)
        if isinstance(one, KafkaFailed):
            raise one
        return one

    reader = Reader(connect)
    await reader.start()
    assert await asyncio.to_thread(reader.has_all.wait, 20)
    await reader.stop()
    assert (reader.seen, reader.crashed) == (list(range(HELD)), False)


async def test_another_client_reads_on_after_the_last_message_of_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stall, "LOOK", 0.0)
    clients = [StallingConsumer(3, at_once=3), StallingConsumer(HELD, at_once=HELD + 1)]
    opened = iter(clients)
    reader = Reader(lambda: next(opened))
    await reader.start()
    assert await asyncio.to_thread(reader.has_all.wait, 20)
    await reader.stop()
    assert reader.seen == list(range(HELD))
    assert [client.began for client in clients] == [-2, 3]


@pytest.mark.parametrize(
    ("reached", "is_away", "is_stalled"), [(3, False, True), (HELD, False, False), (3, True, True)]
)
def test_it_takes_two_looks(reached: int, is_away: bool, is_stalled: bool) -> None:
    now = [0.0]
    client: Any = StallingConsumer()
    client.is_away = is_away
    watch = StallWatch("labels", lambda: now[0])
    found = []
    for _ in range(3):
        found.append(watch.is_stalled(client, {0: reached}))
        now[0] += stall.LOOK
    assert found == [False, False, is_stalled]


def test_progress_begins_anew() -> None:
    now = [0.0]
    client: Any = StallingConsumer()
    watch = StallWatch("labels", lambda: now[0])
    now[0] += stall.LOOK
    assert not watch.is_stalled(client, {0: 3})
    watch.note_progress()
    now[0] += stall.LOOK
    assert not watch.is_stalled(client, {0: 3})
    now[0] += stall.LOOK
    assert watch.is_stalled(client, {0: 3})
