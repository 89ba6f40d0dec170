"""An output that the broker refuses becomes a dead letter, and the rest of its partition goes on."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import pytest
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.kafka.batch import MessageOutputs, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.clients import open_role
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import key_of
from streams.kafka.size_limits import SizeLimits, SizeLimitsWatch
from streams.kafka.source import Source
from streams.settings import Settings

Delivered = Literal["exactly_once", "at_least_once"]
REQUESTS, LARGE = 2_000, 700
LIMIT = 50_000


class Sizing(Source):
    """Makes a small label of each message, and a large one of one of them."""

    asked = 0

    def _agent_outputs(self, messages: Sequence[Message]) -> list[MessageOutputs]:
        self.asked += len(messages)
        topic = f"{self.topic}-out"
        return [
            self._fitting(MessageOutputs(one, [Outgoing(topic, key_of(one), b"x" * _length(one))]))
            for one in messages
        ]


def _length(message: Message) -> int:
    return 2 * LIMIT if message.offset() == LARGE else 100


@pytest.mark.parametrize("limits_are_known", [True, False])
@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
async def test_only_what_fails_alone_is_a_dead_letter(
    kafka: str, delivery: Delivered, limits_are_known: bool
) -> None:
    name = f"sizes-{secrets.token_hex(4)}"
    settings = Settings(kafka={"bootstrap.servers": kafka}, prefix=name, delivery=delivery)
    topics = [NewTopic(topic, 1, 1) for topic in (name, f"{name}-dead")]
    topics.append(NewTopic(f"{name}-out", 1, 1, config={"max.message.bytes": str(LIMIT)}))
    _create(kafka, topics)
    producer = Producer({"bootstrap.servers": kafka})
    for number in range(REQUESTS):
        producer.produce(name, b"v", b"%d" % number)
    assert producer.flush(30) == 0
    sizes = SizeLimits(1_000_000, {f"{name}-out": LIMIT} if limits_are_known else None)
    source = Sizing(
        "sizing",
        name,
        BatchChannel.__new__(BatchChannel),
        lambda: open_role(settings, "sizing", "0", smallest_batch=sizes.smallest_batch),
        dead_letters=DeadLetters(f"{name}-dead", "sizing"),
        batch=4_000,
        commit_interval=0.1,
        drain=5.0,
        sizes=sizes,
    )
    await source.start()
    try:
        keys = await asyncio.to_thread(_written, settings, (f"{name}-out", f"{name}-dead"))
    finally:
        await source.stop()
    letters = [key for topic, key in keys if topic.endswith("-dead")]
    assert letters == [b"%d" % LARGE]
    if delivery == "exactly_once":
        assert Counter(key for _, key in keys) == Counter(b"%d" % number for number in range(REQUESTS))
        assert source.asked == REQUESTS, "nothing was asked of the agent again"


def _create(kafka: str, topics: list[NewTopic]) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.create_topics(topics).values():
        future.result()


def _written(settings: Settings, topics: tuple[str, ...]) -> list[tuple[str, bytes | None]]:
    """Topic and key of all messages, once each request has one."""
    options = {**settings.kafka, "group.id": "x", "auto.offset.reset": "earliest"}
    consumer = Consumer({**options, "isolation.level": "read_committed"})
    consumer.subscribe(list(topics))
    found: list[tuple[str, bytes | None]] = []
    until = time.monotonic() + 120
    while len({key for _, key in found}) < REQUESTS and time.monotonic() < until:
        messages = consumer.consume(1_000, 0.5)
        found += [(one.topic() or "", key_of(one)) for one in messages if one.error() is None]
    consumer.close()
    return found


def test_limits_of_topics_are_read(kafka: str) -> None:
    name = f"sizes-{secrets.token_hex(4)}"
    settings = Settings(kafka={"bootstrap.servers": kafka}, prefix=name)
    _create(kafka, [NewTopic(settings.topics.labels, 1, 1, config={"max.message.bytes": "20000"})])
    watch = SizeLimitsWatch(settings)
    watch.read()
    assert watch.limits.smallest_batch == 20_000
    assert watch.limits.of(settings.topics.labels) == 19_000
    assert watch.limits.of(settings.topics.deferrals) == 1_039_000, "a topic that is not there"
