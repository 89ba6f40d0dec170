"""Observer: reads topics as they grow, committed messages only, and notes when each was seen.

Shares no code with the system: the topics are read with confluent-kafka, the messages with json.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from infra.bench.chaos.background import BackgroundThread

_POLL_S = 0.1
_LIST_S = 10.0
_SILENT_S = 15.0


@dataclass(frozen=True, slots=True)
class Record:
    """A message.

    Attributes:
        topic: its last part, such as `labels`.
        value: decoded.
        seen_at: Unix seconds at which the observer got it.
    """

    topic: str
    partition: int
    offset: int
    value: Any
    seen_at: float


Reached = Mapping[tuple[str, int], int]
"""The next offset by the whole name of the topic and the partition."""


def open_reader(
    kafka: str, names: Sequence[str], *, to_end: bool, reached: Reached = MappingProxyType({})
) -> Consumer:
    """A consumer in no group; it begins at `reached`, or at the start of a partition that is not in it.

    Raises:
        KafkaException: the broker does not answer.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "chaos",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": to_end,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    topics = consumer.list_topics(timeout=_LIST_S).topics
    consumer.assign(
        [
            TopicPartition(name, partition, reached.get((name, partition), OFFSET_BEGINNING))
            for name in names
            for partition in topics[name].partitions
        ]
    )
    return consumer


def record_of(message: Any) -> Record:
    topic, partition, offset = message.topic().rpartition(".")[2], message.partition(), message.offset()
    return Record(topic, partition, offset, json.loads(message.value()), time.time())


class TopicObserver(BackgroundThread):
    """Follows topics in a thread of its own; `records` grows.

    After a restart of the broker a client may stop fetching (librdkafka 5153): a silent one is replaced.
    """

    def __init__(self, kafka: str, names: Sequence[str]) -> None:
        super().__init__("observer")
        self.records: list[Record] = []
        self._kafka, self._names = kafka, names
        self._reached: dict[tuple[str, int], int] = {}
        self._consumer = open_reader(kafka, names, to_end=False)

    def _close(self) -> None:
        self._consumer.close()

    def _run(self) -> None:
        heard_at = time.monotonic()
        while not self._stopping.is_set():
            for message in self._consumer.consume(1000, _POLL_S):
                # An error here is an outage, over which the client rides.
                if message.error() is None:
                    self._note(message)
                    heard_at = time.monotonic()
            if time.monotonic() - heard_at > _SILENT_S:
                self._replace()
                heard_at = time.monotonic()

    def _note(self, message: Any) -> None:
        self._reached[message.topic(), message.partition()] = message.offset() + 1
        if message.value() is not None:
            self.records.append(record_of(message))

    def _replace(self) -> None:
        try:
            following = open_reader(self._kafka, self._names, to_end=False, reached=self._reached)
        except KafkaException:
            return  # the broker is away: silence says nothing
        self._consumer.close()
        self._consumer = following


def read_all(kafka: str, names: Sequence[str], seconds: float = 180.0) -> list[Record]:
    """All committed messages of these topics, to their ends.

    Raises:
        TimeoutError: the ends were not reached.
        KafkaException: a topic could not be read.
    """
    consumer = open_reader(kafka, names, to_end=True)
    found, open_ends, until = list[Record](), len(consumer.assignment()), time.monotonic() + seconds
    try:
        while open_ends > 0:
            if time.monotonic() > until:
                raise TimeoutError(f"the ends of {', '.join(names)} were not reached in {seconds:.0f} s")
            for message in consumer.consume(1000, _POLL_S):
                error = message.error()
                if error is None:
                    found.append(record_of(message))
                elif error.name() == "_PARTITION_EOF":
                    open_ends -= 1
                elif not error.retriable():
                    raise KafkaException(error)
    finally:
        consumer.close()
    return found
