"""A lane that runs its rounds on the test's thread, on a topic and transactions in memory."""

from collections.abc import Iterable, Sequence
from typing import Any
from unittest.mock import Mock

import msgspec
from confluent_kafka import OFFSET_END, Consumer, Message, TopicPartition

from streams.errors import DeliveryFailed, RecordRefused
from streams.kafka.batch import Outgoing
from streams.kafka.channel import LaneChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import Delivery
from streams.kafka.lane import Lane
from streams.kafka.lane_window import WindowClaim
from streams.kafka.message import as_bytes
from streams.kafka.open_message import OpenMessage
from streams.kafka.record_sieve import Sifted, sift
from streams.kafka.size_limits import SizeLimits
from tests.streams.fakes import error, refusing

TOPIC = "asked"
ZERO = [TopicPartition(TOPIC, 0)]


def asked(task: str, until: int = 1 << 60, may_move: bool = True) -> bytes:
    """The value of a message that claims a share for its task."""
    return msgspec.json.encode(WindowClaim(task, until, may_move))


def claim_of(message: Message) -> WindowClaim | None:
    value = as_bytes(message.value()) or b""
    return msgspec.json.decode(value, type=WindowClaim) if value.startswith(b"[") else None


class Log(Consumer):
    """Partition 0 of a topic, and the group's last commit.

    Attributes:
        waiting: what is read next.
        all: what can be sought.
        topics: that the broker has.
        end: of the partition, as the broker says it.
    """

    def __init__(self) -> None:
        super().__init__({"group.id": "g", "bootstrap.servers": ""})
        self.waiting: list[Message] = []
        self.all: list[Message] = []
        self.topics: set[str] = set()
        self.sought: list[int] = []
        self.group = TopicPartition(TOPIC, 0, 0)
        self.paused: list[bool] = []
        self.is_silent = False
        self.asked = 0
        self.end = 0

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        assert timeout <= 1
        if self.paused and self.paused[-1]:
            return []
        given, self.waiting = self.waiting[:num_messages], self.waiting[num_messages:]
        return given

    def seek(self, partition: TopicPartition) -> None:
        self.sought.append(partition.offset)
        self.waiting = [one for one in self.all if (one.offset() or 0) >= partition.offset]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float | None = None, cached: bool = False
    ) -> tuple[int, int]:
        assert partition.partition == 0
        assert timeout
        assert not cached
        return self.all[0].offset() or 0, (self.all[-1].offset() or 0) + 1

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        assert partitions == ZERO
        read = self.waiting[0].offset() if self.waiting else None
        return [TopicPartition(TOPIC, 0, len(self.all) if read is None else read)]

    def offsets_for_times(
        self, partitions: list[TopicPartition], timeout: float | None = None
    ) -> list[TopicPartition]:
        assert partitions == [TopicPartition(TOPIC, 0, OFFSET_END)]
        assert timeout
        return [TopicPartition(TOPIC, 0, self.end)]

    def list_topics(self, topic: str = "", timeout: float = -1) -> Any:
        assert timeout > 0
        missing = error(3).args[0] if topic not in self.topics else None
        return Mock(topics={topic: Mock(error=missing, partitions={0: None})})

    def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        assert partitions == ZERO
        assert timeout > 0
        self.asked += 1
        if self.is_silent:
            raise error(-185)
        return [self.group]

    def pause(self, partitions: list[TopicPartition]) -> None:
        assert partitions == ZERO
        self.paused.append(True)

    def resume(self, partitions: list[TopicPartition]) -> None:
        assert partitions == ZERO
        self.paused.append(False)


class Transactions(Delivery):
    """What became durable; fails if the test says so."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.fails: DeliveryFailed | None = None
        self.refused: set[bytes] = set()
        self.open: list[Outgoing] = []
        self.durable: list[Outgoing] = []

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        self.open += outgoing

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        if self.fails is not None:
            raise self.fails
        if any(map(self.refuses, self.open)):
            raise RecordRefused("a record is too large")
        self.durable += self.open
        self.open = []
        (self.log.group,) = offsets

    def refuses(self, output: Outgoing) -> bool:
        return output.value in self.refused

    def sift(self, messages: Sequence[Sequence[Outgoing]]) -> Sifted:
        if self.fails is not None:
            raise self.fails
        return sift(messages, refusing(self.refuses))

    def send_apart(self, parts: Iterable[Sequence[Sequence[Outgoing]]]) -> None:
        self.send(output for part in parts for outputs in part for output in outputs)

    def abort(self) -> None:
        self.open = []

    def close(self) -> None: ...


class Stepped(Lane):
    """Runs its rounds on the test's thread; keeps what the agent would be handed."""

    _consumer: Log
    _delivery: Transactions

    def __init__(
        self, log: Log, window: int, drain: float, overflow: str | None = None, batch: int = 100
    ) -> None:
        super().__init__(
            "teacher",
            TOPIC,
            LaneChannel.__new__(LaneChannel),
            lambda: (log, Transactions(log)),
            window=window,
            window_bytes=10_000,
            claims=claim_of,
            overflow=overflow,
            dead_letters=DeadLetters("dead", "teacher"),
            batch=batch,
            commit_interval=0.0,
            drain=drain,
            sizes=SizeLimits(20_000),
        )
        self.handed: list[OpenMessage] = []
        self._consumer, self._delivery, self._is_member = log, Transactions(log), True
        self._on_assign(log, ZERO)

    def _hand_over(self, messages: Sequence[Message]) -> None:
        self._event_loop = Mock(call_soon_threadsafe=lambda _, opened: self.handed.extend(opened))
        super()._hand_over(messages)


def answer(lane: Stepped, *offsets: int) -> None:
    for one in lane.handed:
        if one.message.offset() in offsets and one.begin():
            one.answer([Outgoing("replies", None, str(one.message.offset()).encode())])


def values(outgoing: Iterable[Outgoing]) -> list[bytes | None]:
    return [one.value for one in outgoing]
