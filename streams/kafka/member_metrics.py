"""Metrics of a member of a consumer group: what it reads, hands over, commits, and has still to read.

It is seen from outside: around the channel to the agent, around the delivery, and in librdkafka's statistics.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import TopicPartition
from faust.types import AppT

from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel, LaneChannel
from streams.kafka.delivery import Delivery
from streams.kafka.open_message import OpenMessage
from streams.kafka.record_sieve import Outputs, Sifted
from streams.metrics.catalog import (
    ABORTS,
    BATCH_MESSAGES,
    BATCH_SECONDS,
    COMMITS,
    CONSUMER_LAG,
    DEAD_LETTERS,
    MESSAGES,
)
from streams.metrics.registry import Labels, MetricRegistry, Readings

log = logging.getLogger(__name__)

STATISTICS_INTERVAL = 5_000
"""Milliseconds."""


class MeteredBatches(BatchChannel):
    """A source's channel that counts batches, and the time that its agent takes for them."""

    def __init__(self, app: AppT, metrics: MetricRegistry, role: str, **options: Any) -> None:
        super().__init__(app, **options)
        self._metrics = metrics
        self._role = role

    def _clone_args(self) -> Mapping[str, Any]:
        return {**super()._clone_args(), "metrics": self._metrics, "role": self._role}

    def offer(self, work: Batch) -> None:
        begun = time.monotonic()
        self._metrics.add(MESSAGES, len(work.messages), self._role)
        self._metrics.observe(BATCH_MESSAGES, [len(work.messages)], self._role)
        work.on_settled(lambda: self._observe_time(begun))
        super().offer(work)

    def _observe_time(self, begun: float) -> None:
        self._metrics.observe(BATCH_SECONDS, [time.monotonic() - begun], self._role)


class MeteredLane(LaneChannel):
    """A lane's channel that counts messages."""

    def __init__(self, app: AppT, metrics: MetricRegistry, role: str, **options: Any) -> None:
        super().__init__(app, **options)
        self._metrics = metrics
        self._role = role

    def _clone_args(self) -> Mapping[str, Any]:
        return {**super()._clone_args(), "metrics": self._metrics, "role": self._role}

    def offer(self, work: tuple[OpenMessage, ...]) -> None:
        self._metrics.add(MESSAGES, len(work), self._role)
        super().offer(work)


class MeteredDelivery:
    """A delivery that counts commits, aborts and dead letters.

    Args:
        dead_letters: their topic.
    """

    def __init__(self, delivery: Delivery, metrics: MetricRegistry, role: str, dead_letters: str) -> None:
        self._delivery = delivery
        self._dead_letters = dead_letters
        self._count = partial(_count, metrics, role)
        self._letters = 0
        self._has_sent = False

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        outgoing, self._has_sent = list(outgoing), True
        self._delivery.send(outgoing)
        self._letters += sum(out.topic == self._dead_letters for out in outgoing)

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        self._delivery.commit(offsets)
        self._count(COMMITS, 1)
        self._count(DEAD_LETTERS, self._letters)
        self._letters, self._has_sent = 0, False

    def sift(self, messages: Sequence[Outputs]) -> Sifted:
        return self._delivery.sift(messages)

    def send_apart(self, parts: Iterable[Sequence[Outputs]]) -> None:
        parts, self._has_sent = list(parts), True
        self._delivery.send_apart(parts)
        produced = (output for part in parts for outputs in part for output in outputs)
        self._letters += sum(out.topic == self._dead_letters for out in produced)

    def abort(self) -> None:
        self._count(ABORTS, int(self._has_sent))  # also called where nothing is left to be taken back
        self._letters, self._has_sent = 0, False
        self._delivery.abort()

    def close(self) -> None:
        self._delivery.close()


def _count(metrics: MetricRegistry, role: str, metric: Any, amount: int) -> None:
    if amount:
        metrics.add(metric, amount, role)


_OWNED = "active"


class _PartitionStatistics(msgspec.Struct):
    """Offsets are negative where they are not known.

    Attributes:
        ls_offset: end of what may be read.
        next_offset: to be fetched next; what is fetched and not yet read lies before it.
        app_offset: to be read next, but for marks of transactions, which nobody reads.
        fetchq_cnt: messages that are fetched and not yet read.
        fetch_state: `active` while the member owns the partition; what is known of others is out of date.
    """

    ls_offset: int = -1
    next_offset: int = -1
    app_offset: int = -1
    fetchq_cnt: int = 0
    fetch_state: str = ""

    @property
    def lag(self) -> int | None:
        """Messages to be read; None where that is not known.

        Not from committed offsets: librdkafka does not see those that a transaction commits.
        """
        if self.fetch_state != _OWNED or self.ls_offset < 0 or self.next_offset < 0:
            return None
        if self.next_offset >= self.ls_offset and not self.fetchq_cnt:
            return 0
        read = self.app_offset if self.app_offset >= 0 else self.next_offset - self.fetchq_cnt
        return max(0, self.ls_offset - read)


class _Topic(msgspec.Struct):
    partitions: dict[str, _PartitionStatistics] = {}


class _Statistics(msgspec.Struct):
    """What is used of librdkafka's statistics."""

    topics: dict[str, _Topic] = {}


_STATISTICS = msgspec.json.Decoder(_Statistics)


class ConsumerLag:
    """How many messages a role has still to read, from librdkafka's statistics.

    Those of partitions that it does not own any more are not shown, and of a member that has left nothing.
    """

    def __init__(self, metrics: MetricRegistry, role: str, topic: str) -> None:
        self._role = role
        self._topic = topic
        self._lags: dict[Labels, float] = {}
        metrics.read_gauge(CONSUMER_LAG, self._read)

    def options(self) -> dict[str, Any]:
        """Options of the consumer."""
        return {"statistics.interval.ms": STATISTICS_INTERVAL, "stats_cb": self.note}

    def note(self, statistics: str) -> None:
        """Note the consumer's statistics, which come on its thread; what it raises would end the process."""
        try:
            found = _STATISTICS.decode(statistics).topics.get(self._topic, _Topic())
        except msgspec.DecodeError as error:  # librdkafka escapes no names, such as that of a client
            log.debug("statistics can't be read, no lag is shown: role=%s: %s", self._role, error)
            found = _Topic()
        self._lags = {
            (self._role, number): float(partition.lag)
            for number, partition in found.partitions.items()
            if number != "-1" and partition.lag is not None
        }

    def _read(self) -> Readings:
        return list(self._lags.items())
