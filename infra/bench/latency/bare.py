"""Bare Kafka loop, the limit of latency: consume what is there, produce, commit, all by the same client.

    python -m infra.bench.latency.bare FILE

It has the client options of our own sources, and copies each message to `labels`. It commits after each
round, since nobody reads what is not committed; without transactions, nobody waits for it.
"""

import signal
import sys
import threading
import time
from pathlib import Path

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from infra.bench.latency.stage_log import StageLog, StageMark, spans_of
from streams.kafka.clients import consumer_options, producer_options, transactional_options
from streams.kafka.delivery import COMMIT_SETTLES
from streams.settings import Settings, load_settings

_BATCH = 4_000
_WAIT = 0.05
_FLUSH = 10.0


def run(settings: Settings, log: StageLog) -> None:
    """Work until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    group, topics = f"{settings.prefix}.bare", settings.topics
    consumer = Consumer(consumer_options(settings, group))
    is_transactional = settings.delivery == "exactly_once"
    options = transactional_options(settings, group) if is_transactional else producer_options(settings)
    producer = Producer(options)
    if is_transactional:
        producer.init_transactions()
    consumer.subscribe([topics.requests])
    while not stopping.is_set():
        log.mark(StageMark.ASKED)
        messages = consumer.consume(1, _WAIT)
        if not messages:
            continue
        messages += consumer.consume(_BATCH, 0.0)
        log.begin(messages)
        if is_transactional:
            time.sleep(max(0.0, log.committed_at + COMMIT_SETTLES - time.monotonic()))
            producer.begin_transaction()
        for message in messages:
            producer.produce(topics.labels, message.value(), message.key())
        log.end()
        _commit(consumer, producer, messages, log, is_transactional=is_transactional)
    consumer.close()


def _commit(
    consumer: Consumer,
    producer: Producer,
    messages: list[Message],
    log: StageLog,
    *,
    is_transactional: bool,
) -> None:
    committing, topic = time.monotonic(), messages[0].topic() or ""
    offsets = [TopicPartition(topic, partition, last + 1) for partition, _, last in spans_of(messages)]
    if is_transactional:
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        prepared = time.monotonic()
        producer.commit_transaction()
    else:
        producer.flush(_FLUSH)
        prepared = time.monotonic()
        consumer.commit(offsets=offsets, asynchronous=False)
    log.commit(committing, prepared)


if __name__ == "__main__":
    with StageLog(Path(sys.argv[1])) as stages:
        run(load_settings(), stages)
