"""A source whose group refuses its commits rejoins, or ends; it never repeats the same outputs for ever."""

import asyncio
import secrets
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from infra.harness.waiting import wait_until
from infra.local.embedded_kafka import CLIENT_SETTINGS, EmbeddedKafka
from streams.errors import KafkaFailed
from streams.kafka import member_stall
from streams.kafka.batch import MessageOutputs, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.clients import consumer_options, largest_message, open_role
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.member_stall import MemberStallWatch
from streams.kafka.message import as_bytes
from streams.kafka.size_limits import SizeLimits
from streams.kafka.source import Source
from streams.kafka.topic_admin import create_missing, trigger_auto_create
from streams.settings import Settings

_LEAVE_GROUP = 13
_LOOK = 0.5


class CopyingSource(Source):
    """Copies requests to the labels topic, and keeps the error that ends it."""

    failure: BaseException | None = None
    member = ""
    halted: Sequence[int] = ()
    """Partitions that its client is to stop fetching, behind its back."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            "copy",
            settings.topics.requests,
            BatchChannel.__new__(BatchChannel),
            lambda: open_role(settings, "copy", "a"),
            dead_letters=DeadLetters(settings.topics.dead_letters, "copy"),
            batch=100,
            commit_interval=0.1,
            drain=5.0,
            sizes=SizeLimits(largest_message(settings)),
        )
        self._output_topic = settings.topics.labels
        self.opened = 0

    def _agent_outputs(self, messages: Sequence[Message]) -> list[MessageOutputs]:
        self.member = self._consumer.memberid()
        return [
            MessageOutputs(one, [Outgoing(self._output_topic, None, as_bytes(one.value()))])
            for one in messages
        ]

    def _consume_as_member(self) -> None:
        self.opened += 1
        super()._consume_as_member()

    def _run_round(self) -> None:
        if self.halted:  # a consumer is its thread's alone
            self._consumer.pause([TopicPartition(self.topic, number) for number in self.halted])
            self.halted = ()
        super()._run_round()

    async def crash(self, reason: BaseException) -> None:
        self.failure = reason


async def until(condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(wait_until, condition, 60, what)


def send(settings: Settings, values: Sequence[bytes]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka["bootstrap.servers"]})
    for value in values:
        producer.produce(settings.topics.requests, value)
    assert producer.flush(30) == 0


class Copies:
    """How often each request was copied."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer(
            consumer_options(settings, f"{settings.prefix}.test") | {"group.protocol": "classic"}
        )
        self._consumer.subscribe([settings.topics.labels])
        self.counts: Counter[bytes] = Counter()

    def holds(self, values: Sequence[bytes]) -> bool:
        for message in self._consumer.consume(1000, 0.1):
            if message.error() is None:
                self.counts[as_bytes(message.value()) or b""] += 1
        return set(values) <= set(self.counts)

    def close(self) -> None:
        self._consumer.close()


def remove_member(settings: Settings, group: str, member: str) -> None:
    """Make the broker forget a member, which does not know that, as after a pause that was too long."""

    def text(value: str) -> bytes:
        return struct.pack(">h", len(value)) + value.encode()

    host, port = str(settings.kafka["bootstrap.servers"]).split(":")
    request = struct.pack(">hhi", _LEAVE_GROUP, 2, 7) + text("test") + text(group) + text(member)
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.recv(100)
    assert struct.unpack(">iiih", answer) == (10, 7, 0, 0)


_CLASSIC_MEMBER = """
import sys
from confluent_kafka import Consumer

consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": sys.argv[2]})
consumer.subscribe([sys.argv[3]])
consumer.consume(1, 1.0)
print("joined", flush=True)
while True:
    consumer.consume(1, 1.0)
"""


@contextmanager
def classic_member(settings: Settings) -> Iterator[None]:
    """A member of the source's group that speaks the classic protocol, while the context is open.

    In a process that is killed: with this broker, librdkafka may wait for ever when such a member leaves.
    """
    arguments = (settings.kafka["bootstrap.servers"], f"{settings.prefix}.copy", settings.topics.requests)
    member = subprocess.Popen(
        [sys.executable, "-c", _CLASSIC_MEMBER, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert member.stdout
        assert member.stdout.readline() == "joined\n"
        yield
    finally:
        member.kill()
        member.communicate()


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
async def test_a_forgotten_member_rejoins(
    kafka: str, delivery: Literal["at_least_once", "exactly_once"]
) -> None:
    settings = Settings(
        kafka={"bootstrap.servers": kafka},
        # The consumer learns nothing from its heartbeats here: only its commit is refused.
        consumer={"heartbeat.interval.ms": 20_000, "session.timeout.ms": 40_000},
        prefix=f"test-{secrets.token_hex(4)}",
        delivery=delivery,
    )
    await asyncio.to_thread(create_missing, settings)
    source, copies = CopyingSource(settings), Copies(settings)
    before, after = ([b"%s %d" % (name, n) for n in range(100)] for name in (b"before", b"after"))
    await source.start()
    try:
        send(settings, before)
        await until(lambda: copies.holds(before), "the first copies")
        await until(lambda: not source._offsets.pending, "their commit")
        remove_member(settings, f"{settings.prefix}.copy", source.member)
        send(settings, after)
        await until(lambda: copies.holds(before + after), "the other copies")
        await until(lambda: source.opened == 2, "its second client")
    finally:
        await source.stop()
        copies.close()
    assert source.failure is None
    assert source.opened == 2
    most = 1 if delivery == "exactly_once" else 2
    assert max(copies.counts.values()) <= most


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_member_whose_client_stops_fetching_rejoins(
    kafka: str,
    delivery: Literal["at_least_once", "exactly_once"],
    protocol: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It stops for all partitions but one; heartbeats go on."""
    monkeypatch.setattr(member_stall, "LOOK", _LOOK)
    settings = Settings(
        kafka={"bootstrap.servers": kafka, "group.protocol": protocol},
        prefix=f"test-{secrets.token_hex(4)}",
        delivery=delivery,
    )
    await asyncio.to_thread(create_missing, settings)
    source, copies = CopyingSource(settings), Copies(settings)
    before, after = ([b"%s %d" % (name, n) for n in range(300)] for name in (b"before", b"after"))
    await source.start()
    try:
        send(settings, before)
        await until(lambda: copies.holds(before), "the first copies")
        source.halted = (1, 2, 3)
        await until(lambda: not source.halted, "the halt")
        send(settings, after)
        await until(lambda: copies.holds(before + after), "the other copies")
    finally:
        await source.stop()
        copies.close()
    assert (source.failure, source.opened) == (None, 2)
    assert set(copies.counts.values()) == {1}, "it left its group with everything committed"


async def test_a_member_that_has_read_all_stays(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where what follows is a transaction that is open or aborted, or nothing was ever there."""
    monkeypatch.setattr(member_stall, "LOOK", _LOOK)
    looks, find = list[set[int]](), MemberStallWatch._find_behind

    def counted(watch: MemberStallWatch, consumer: Consumer) -> set[int]:
        looks.append(find(watch, consumer))
        return looks[-1]

    monkeypatch.setattr(MemberStallWatch, "_find_behind", counted)
    settings = Settings(kafka={"bootstrap.servers": kafka}, prefix=f"test-{secrets.token_hex(4)}")
    await asyncio.to_thread(create_missing, settings)
    source, copies = CopyingSource(settings), Copies(settings)
    writers = [
        Producer({"bootstrap.servers": kafka, "transactional.id": f"{settings.prefix}.{n}"}) for n in range(3)
    ]
    await source.start()
    try:
        for partition, writer in enumerate(writers):
            writer.init_transactions(30)
            writer.begin_transaction()
            writer.produce(settings.topics.requests, b"%d" % partition, partition=partition)
            assert writer.flush(30) == 0
        committed, aborted, left_open = writers
        committed.commit_transaction(30)
        aborted.abort_transaction(30)
        await until(lambda: copies.holds([b"0"]), "the committed one")
        looks.clear()
        await until(lambda: len(looks) >= 6, "some looks")
        assert not set().union(*looks[1:]), "it is taken for behind"
        left_open.commit_transaction(30)
        await until(lambda: copies.holds([b"0", b"2"]), "the one that was open")
    finally:
        await source.stop()
        copies.close()
    assert (source.failure, source.opened) == (None, 1)
    assert copies.counts == {b"0": 1, b"2": 1}


async def test_a_group_of_two_protocols_ends_the_first() -> None:
    with EmbeddedKafka() as broker:
        settings = Settings(
            kafka={"bootstrap.servers": broker.bootstrap_servers},
            consumer=CLIENT_SETTINGS,
            prefix="t",
            delivery="at_least_once",
        )
        trigger_auto_create(settings)
        source, copies = CopyingSource(settings), Copies(settings)
        await source.start()
        try:
            send(settings, [b"first"])
            await until(lambda: copies.holds([b"first"]), "a first copy")
            with classic_member(settings):
                send(settings, [b"second"])
                await until(lambda: copies.holds([b"second"]) and source.failure is not None, "the end")
        finally:
            await source.stop()
            copies.holds([])
            copies.close()
    assert isinstance(source.failure, KafkaFailed)
    assert "`group.protocol`" in str(source.failure)
    assert copies.counts[b"second"] <= 3
