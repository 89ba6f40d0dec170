"""Record feed: reads a topic from a little before its end, in no group, and hands its records over.

Each gateway reads all partitions of the labels, so no rebalance stands between a request and its label. What
was written before the start is read as far as records are kept, so that a restart forgets little.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from schemas.codec import Codec
from schemas.errors import InvalidMessage
from streams.kafka.late_start import LateStart
from streams.kafka.message import as_bytes
from streams.kafka.topic_reader import IDLE, TopicReader

log = logging.getLogger(__name__)

_AT_ONCE = 1_000
_TOGETHER = 0.005
"""Seconds in which further labels gather: waking the event loop for each would cost more than reading it."""
_PROMPTLY = 10.0

Record = TypeVar("Record", bound=msgspec.Struct)


class RecordFeed(TopicReader, Generic[Record]):
    """Hands records to `listener` on the event loop. It has started once it has read what was there.

    Args:
        newest: records before the end that are read, about.
        is_needed: see `TopicReader`.
    """

    def __init__(
        self,
        topic: str,
        codec: Codec[Record],
        connect: Callable[[], Consumer],
        newest: int,
        listener: Callable[[Sequence[Record]], None],
        late_start: LateStart | None = None,
        *,
        is_needed: bool = True,
    ) -> None:
        super().__init__(topic, connect, at_once=_AT_ONCE, late_start=late_start, is_needed=is_needed)
        self._codec = codec
        self._newest = newest
        self._listener = listener

    def _starts(self, consumer: Consumer, partitions: Sequence[int]) -> list[TopicPartition]:
        share, starts = self._newest // max(1, len(partitions)), []
        for number in partitions:
            place = TopicPartition(self.topic, number)
            oldest, end = consumer.get_watermark_offsets(place, _PROMPTLY)
            starts.append(TopicPartition(self.topic, number, max(int(oldest), int(end) - share)))
        return starts

    def _take(self, messages: list[Message]) -> None:
        records = [record for message in messages if (record := self._record_in(message)) is not None]
        if not records:
            return
        taken = Future[None]()

        def take() -> None:
            try:
                self._listener(records)
            finally:
                taken.set_result(None)

        self._event_loop.call_soon_threadsafe(take)
        # A busy event loop is not given more and more.
        while not (wait([taken], IDLE).done or self._stopping.is_set()):
            pass
        self._stopping.wait(_TOGETHER)

    def _record_in(self, message: Message) -> Record | None:
        try:
            return self._codec.decode(as_bytes(message.value()))
        except InvalidMessage as problem:
            log.warning("skipped a message that can't be read: topic=%s: %s", self.topic, problem)
        return None
