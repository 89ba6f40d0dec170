"""The in-process broker keeps what it promises, and its limits are the ones that are written down."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.local.embedded_kafka import CLIENT_SETTINGS, PARTITIONS, EmbeddedKafka


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as running:
        yield running


def consumer(broker: EmbeddedKafka, group: str) -> Consumer:
    group_options = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    return Consumer({"bootstrap.servers": broker.bootstrap_servers, **group_options, **CLIENT_SETTINGS})


def produce(broker: EmbeddedKafka, topic: str, values: list[bytes]) -> None:
    with Producer({"bootstrap.servers": broker.bootstrap_servers}) as producer:
        for value in values:
            producer.produce(topic, value, partition=0)


def test_a_topic_exists_once_somebody_asks_for_it(broker: EmbeddedKafka) -> None:
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    assert len(client.list_topics("asked-for", timeout=30).topics["asked-for"].partitions) == PARTITIONS
    assert "asked-for" in client.list_topics(timeout=30).topics


def test_a_group_reads_everything_once_and_its_successor_starts_after_it(broker: EmbeddedKafka) -> None:
    produce(broker, "grouped", [b"first", b"second"])
    reader = consumer(broker, "readers")
    reader.subscribe(["grouped"])
    assert [message.value() for message in reader.consume(2, timeout=30)] == [b"first", b"second"]
    reader.commit(asynchronous=False)
    reader.close()
    produce(broker, "grouped", [b"third"])
    successor = consumer(broker, "readers")
    successor.subscribe(["grouped"])
    assert [message.value() for message in successor.consume(1, timeout=30)] == [b"third"]
    successor.close()


def test_a_partition_forgets_all_but_its_newest_5_megabytes(broker: EmbeddedKafka) -> None:
    produce(broker, "crowded", [bytes(1000)] * 7000)
    reader = consumer(broker, "watermarks")
    first, after_last = reader.get_watermark_offsets(TopicPartition("crowded", 0), timeout=30)
    reader.close()
    assert after_last == 7000
    assert 4 * 1024 < after_last - first < 5 * 1024


def test_stopping_twice_is_stopping_once() -> None:
    running = EmbeddedKafka()
    running.stop()
    running.stop()
