"""A tail goes on reading while Kafka does not say whether there are new partitions."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.kafka import topic_reader
from streams.kafka.tail import Tail


class _Consumer:
    """Of a topic whose one partition is read; Kafka lists it once, and is away from then on."""

    def __init__(self) -> None:
        self.lists = 0
        self.asked_again = threading.Event()

    def list_topics(self, topic: str, timeout: float) -> Any:  # noqa: ARG002
        self.lists += 1
        if self.lists > 3:
            self.asked_again.set()
        if self.lists > 1:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: None})})

    def incremental_assign(self, _: Any) -> None:
        pass

    def consume(self, _most: int, _seconds: float) -> list[Any]:
        end = KafkaError(KafkaError._PARTITION_EOF)
        return [SimpleNamespace(error=lambda: end, partition=lambda: 0, offset=lambda: 0)]

    def close(self) -> None:
        pass


async def test_it_goes_on_while_kafka_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_reader, "_NEW_PARTITIONS", 0.0)
    consumer: Any = _Consumer()
    reading = Tail("config", Any, lambda: consumer, batch=1)  # type: ignore[arg-type]
    await reading.start()
    assert await asyncio.to_thread(consumer.asked_again.wait, 20)
    assert not reading.crashed
    await reading.stop()
