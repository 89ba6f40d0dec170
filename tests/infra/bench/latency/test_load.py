"""The load knows of each request when it was due, sent, acknowledged, and when its label could be read."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from infra.bench.latency.load import LatencyJob, run
from infra.bench.open_loop import due_times
from infra.local.embedded_kafka import PARTITIONS, EmbeddedKafka


@contextmanager
def answering(servers: str) -> Iterator[None]:
    """Something that writes each request to the labels, all but those of number 3."""
    ends = threading.Event()

    def copy() -> None:
        producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
        with closing(Consumer({"bootstrap.servers": servers, "group.id": "copies"})) as consumer:
            consumer.assign([TopicPartition("requests", number, 0) for number in range(PARTITIONS)])
            while not ends.is_set():
                for message in consumer.consume(100, 0.01):
                    key = message.key()
                    if message.error() is None and not (key or b"").endswith(b".3"):
                        producer.produce("labels", message.value(), key)
                producer.poll(0)
            producer.flush(5)

    thread = threading.Thread(target=copy)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def test_each_request_has_its_times_and_one_without_a_label_has_none(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.write_text('"one"\n"two"')
    with EmbeddedKafka() as kafka:
        job = LatencyJob(
            kafka.bootstrap_servers, "requests", "labels", "t", str(texts), "run", 50, 0.6, "", 0.0, 5.0
        )
        maker = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        for topic in ("requests", "labels"):
            maker.list_topics(topic, 5)
        with answering(kafka.bootstrap_servers):
            times = run(job)
    due = np.fromiter(due_times(50, 0.6), dtype=np.float64)
    np.testing.assert_allclose(np.diff(times["due"]), np.diff(due), atol=1e-6)
    assert np.flatnonzero(np.isnan(times["read"])).tolist() == [3]
    answered = times[~np.isnan(times["read"])]
    assert (answered["sent"] >= answered["due"]).all()
    assert (answered["acked"] >= answered["sent"]).all()
    assert (answered["read"] >= answered["sent"]).all()
    places = {(int(one["partition"]), int(one["offset"])) for one in times}
    assert len(places) == len(times)


def test_due_times_come_at_their_rate_and_are_the_same_each_time() -> None:
    found = list(due_times(1_000, 20))
    assert found == sorted(found) == list(due_times(1_000, 20))
    assert abs(len(found) - 20_000) < 600  # four standard deviations
    assert found[0] > 0
    assert found[-1] < 20
