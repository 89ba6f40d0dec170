"""The newest messages of a topic are read within bounds of number, size and time."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer

from infra.local.embedded_kafka import CLIENT_SETTINGS, PARTITIONS, EmbeddedKafka
from streams.errors import KafkaFailed
from streams.kafka.clients import open_reader
from streams.kafka.newest_messages import newest_messages
from streams.settings import Settings


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with EmbeddedKafka() as broker:
        yield Settings(kafka={"bootstrap.servers": broker.bootstrap_servers}, consumer=CLIENT_SETTINGS)


def written(settings: Settings, topic: str, values: list[bytes]) -> None:
    producer = Producer(dict(settings.kafka))
    for place, value in enumerate(values):
        producer.produce(topic, value, partition=place % PARTITIONS, timestamp=1_000 + place)
    assert producer.flush(20.0) == 0


def read(settings: Settings, topic: str, most: int, most_bytes: int = 1_000_000) -> list[bytes | None]:
    def connect() -> Consumer:
        return open_reader(settings)

    return [message.value() for message in newest_messages(connect, topic, most, most_bytes, 10.0)]


def test_the_newest_are_read_in_the_order_of_time(settings: Settings) -> None:
    values = [b"%03d" % place for place in range(100)]
    written(settings, "plain", values)
    assert read(settings, "plain", 10 * PARTITIONS) == values[-10 * PARTITIONS :]
    assert read(settings, "plain", 10_000) == values
    assert len(read(settings, "plain", 10_000, most_bytes=30)) == 10


def test_an_empty_topic_has_none_and_a_missing_one_is_said_to_be(settings: Settings) -> None:
    with pytest.raises(KafkaFailed, match="topic=empty"):
        read(settings, "empty", 10)
    Producer(dict(settings.kafka)).list_topics("empty", timeout=5)
    assert read(settings, "empty", 10) == []
