"""A topic is read to its end, or not at all: nobody waits for ever for a broker that went away."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message

from streams.errors import KafkaFailed
from streams.kafka import topic_client
from streams.kafka.topic_client import Reader
from streams.settings import Settings
from tests.streams.fakes import message


class ScriptedConsumer:
    """Hands out what each call is to bring, then nothing."""

    def __init__(self, *batches: Sequence[Any]) -> None:
        self._batches = list(batches)

    def assign(self, _: object) -> None: ...

    def consume(self, count: int, _: float) -> Sequence[Message]:
        return self._batches.pop(0) if self._batches and count > 1 else []


def reader(monkeypatch: pytest.MonkeyPatch, *batches: Sequence[Any]) -> Reader:
    monkeypatch.setattr(topic_client, "_SILENCE", 0.0)
    monkeypatch.setattr(topic_client, "open_reader", lambda _: ScriptedConsumer(*batches))
    monkeypatch.setattr(topic_client, "partitions_of", lambda *_: [0, 1])
    return Reader(Settings(), "x.labels", from_start=True)


def end(partition: int) -> Any:
    problem = KafkaError(KafkaError._PARTITION_EOF)
    return SimpleNamespace(error=lambda: problem, partition=lambda: partition)


def test_a_topic_is_read_until_all_partitions_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    some = message(b"one"), message(b"two", partition=1)
    read = reader(monkeypatch, [some[0], end(0)], [some[1]], [end(1)])
    assert list(read.to_end()) == list(some)


def test_a_broker_that_goes_away_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = reader(monkeypatch, [message(b"one"), end(0)]).to_end()
    assert next(messages).value() == b"one"
    with pytest.raises(KafkaFailed, match=r"x\.labels: Kafka has sent nothing .* is a broker away\?"):
        list(messages)
