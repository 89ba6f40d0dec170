"""Bare Kafka loop, the least that exactly once takes: consume, produce, commit both every 100 ms.

    python -m infra.bench.route.bare

One loop around confluent-kafka, with the client options of our own sources; the outputs go to `labels`.
"""

import signal
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from streams.kafka.clients import consumer_options, transactional_options
from streams.settings import Settings, load_settings

_COMMIT_INTERVAL = 0.1
_BATCH = 4_000


def run(settings: Settings) -> None:
    """Work until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    group, topic = f"{settings.prefix}.bare", settings.topics.requests
    consumer = Consumer(consumer_options(settings, group))
    producer = Producer(transactional_options(settings, group))
    producer.init_transactions()
    consumer.subscribe([topic])
    while not stopping.is_set():
        producer.begin_transaction()
        last = _forward(consumer, producer, settings.topics.labels)
        offsets = [TopicPartition(topic, partition, offset + 1) for partition, offset in last.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()
    consumer.close()


def _forward(consumer: Consumer, producer: Producer, output: str) -> dict[int, int]:
    """Forward messages for one commit interval; returns the last offset of each partition."""
    last: dict[int, int] = {}
    until = time.monotonic() + _COMMIT_INTERVAL
    while time.monotonic() < until:
        for message in consumer.consume(_BATCH, 0.01):
            producer.produce(output, message.value())
            last[message.partition() or 0] = message.offset() or 0
        producer.poll(0)
    return last


if __name__ == "__main__":
    run(load_settings())
