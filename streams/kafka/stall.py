"""Stall of a consumer: partitions hold messages that the client does not fetch, and no error says so.

After a restart of the broker a consumer of librdkafka may never fetch again, although it is connected
(librdkafka 5153). Only a new consumer does. So once nothing has come for a while, the ends of the partitions
are asked for.
"""

import logging
import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

log = logging.getLogger(__name__)

LOOK = 10.0
"""Seconds without anything new after which the ends are asked for, and between two times of asking."""
_PROMPTLY = 5.0

Clock = Callable[[], float]


class StallWatch:
    """For one consumer of one topic, on its thread."""

    def __init__(self, topic: str, clock: Clock = time.monotonic) -> None:
        self._topic = topic
        self._clock = clock
        self._looked_at = clock()
        self._suspected: Mapping[int, int] = {}

    def note_progress(self) -> None:
        """Something came."""
        self._looked_at = self._clock()
        self._suspected = {}

    def is_stalled(self, consumer: Consumer, reached: Mapping[int, int]) -> bool:
        """Whether some partition has stood still before its end at two looks in a row.

        Also where its end can't be asked for twice: then Kafka is away, and a new consumer does no harm.

        Args:
            reached: the next offset of each partition.
        """
        if self._clock() - self._looked_at < LOOK:
            return False
        try:
            behind = {number: at for number, at in reached.items() if at < self._end(consumer, number)}
            level = logging.WARNING
        except KafkaException:
            behind, level = dict(reached), logging.DEBUG
        self._looked_at = self._clock()
        still = [number for number, at in behind.items() if self._suspected.get(number) == at]
        self._suspected = behind
        if still:
            text = "Kafka client has stopped fetching, another one reads on: topic=%s partitions=%s"
            log.log(level, text, self._topic, ",".join(map(str, sorted(still))))
        return bool(still)

    def _end(self, consumer: Consumer, number: int) -> int:
        """The end of a partition; of what is committed. Raises KafkaException: the broker does not answer."""
        return int(consumer.get_watermark_offsets(TopicPartition(self._topic, number), _PROMPTLY)[1])
