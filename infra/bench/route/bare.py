"""The least that anyone can do: consume, produce the value, commit both in a transaction every 100 ms.

    python -m infra.bench.route.bare SERVERS TOPIC OUTPUT GROUP

One loop around confluent-kafka, with the client options that our own sources use.
"""

import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from streams.kafka.clients import consumer_options, transactional_options
from streams.settings import Settings

_COMMIT_INTERVAL = 0.1
_BATCH = 4_000


def run(servers: str, topic: str, output: str, group: str) -> None:
    """Work until the process is ended."""
    settings = Settings(kafka={"bootstrap.servers": servers})
    consumer = Consumer(consumer_options(settings, group))
    producer = Producer(transactional_options(settings, group))
    producer.init_transactions()
    consumer.subscribe([topic])
    while True:
        producer.begin_transaction()
        after = _passed_on(consumer, producer, output)
        offsets = [TopicPartition(topic, partition, offset + 1) for partition, offset in after.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


def _passed_on(consumer: Consumer, producer: Producer, output: str) -> dict[int, int]:
    """Pass messages on for one commit interval; the last offset of each partition."""
    last: dict[int, int] = {}
    until = time.monotonic() + _COMMIT_INTERVAL
    while time.monotonic() < until:
        for message in consumer.consume(_BATCH, 0.01):
            producer.produce(output, message.value())
            last[message.partition()] = message.offset()  # type: ignore[index, assignment]
        producer.poll(0)
    return last


if __name__ == "__main__":
    run(*sys.argv[1:])
