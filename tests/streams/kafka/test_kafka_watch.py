"""That Kafka is away, and that it is back, is said once for all clients of a process."""

import gc
import logging
import weakref

import pytest
from confluent_kafka import KafkaError

from infra.local.embedded_kafka import EmbeddedKafka
from streams.errors import KafkaFailed
from streams.kafka.client_log import ErrorLog
from streams.kafka.kafka_watch import KafkaWatch, probe_kafka
from streams.settings import Settings

_LOST = KafkaError(KafkaError._TRANSPORT, "127.0.0.1:1: Disconnected")


class Broker:
    """Answers while it is there; counts how often it is asked."""

    def __init__(self) -> None:
        self.is_there = True
        self.asked = 0

    def probe(self) -> None:
        self.asked += 1
        if not self.is_there:
            raise KafkaFailed("no broker answers")


async def test_an_outage_of_kafka_is_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    broker, errors = Broker(), ErrorLog()
    watch = KafkaWatch(broker.probe, errors)
    await watch.look()
    assert broker.asked == 0, "nobody is asked while no connection is lost"
    broker.is_there = False
    errors(_LOST)
    for _ in range(3):
        await watch.look()
        errors(_LOST)
    broker.is_there = True
    for _ in range(3):
        await watch.look()
    said = [(record.levelname, record.getMessage().split(",")[0]) for record in caplog.records]
    assert said == [
        ("WARNING", f"Kafka client error, librdkafka will retry: {_LOST.str()}".split(",")[0]),
        ("WARNING", "Kafka is away"),
        ("INFO", "Kafka answers"),
    ]
    assert broker.asked == 4, "once more after it was there"


async def test_what_an_outage_leaves_in_cycles_is_freed() -> None:
    """A client, say; the collector alone would look after a hundred thousand new objects."""
    broker, errors = Broker(), ErrorLog()
    broker.is_there = False
    watch = KafkaWatch(broker.probe, errors)
    left = Broker()
    left.itself = left  # type: ignore[attr-defined]
    is_there = weakref.ref(left)
    del left
    errors(_LOST)
    gc.disable()
    try:
        for _ in range(9):
            await watch.look()
        assert is_there() is not None
        await watch.look()
        assert is_there() is None
    finally:
        gc.enable()


async def test_one_lost_connection_is_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    broker, errors = Broker(), ErrorLog()
    watch = KafkaWatch(broker.probe, errors)
    errors(_LOST)
    await watch.look()
    assert broker.asked == 1
    assert len(caplog.records) == 1


def test_a_real_client_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.kafka_watch._PATIENCE", 0.5)
    with pytest.raises(KafkaFailed, match="no broker answers"):
        probe_kafka(Settings(kafka={"bootstrap.servers": "127.0.0.1:1"}))
    with EmbeddedKafka() as kafka:
        monkeypatch.setattr("streams.kafka.kafka_watch._PATIENCE", 10.0)
        probe_kafka(Settings(kafka={"bootstrap.servers": kafka.bootstrap_servers}))
