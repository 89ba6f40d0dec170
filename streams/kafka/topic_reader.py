"""Topic reader: one thread that reads all partitions of a topic, in no group, and keeps reading.

Nothing is committed; a restart reads again. Partitions that are added later are read from their start. Where
the client stalls, a new one reads on from where it was.
"""

import asyncio
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from mode import Service

from streams.errors import KafkaFailed
from streams.kafka.late_start import LateStart
from streams.kafka.partitions import partitions_of
from streams.kafka.stall import StallWatch
from streams.outage import Outage

log = logging.getLogger(__name__)

IDLE = 0.25
"""Seconds between looks whether it should stop."""
_NEW_PARTITIONS = 60.0
_AGAIN = 1.0
_AFTER_FAILURE = 30.0


class TopicReader(Service, ABC):
    """It has started once it has read what was there.

    Args:
        at_once: messages that are handed over together, at most.
        late_start: lets the worker start while Kafka is away; without it the worker ends.
        is_needed: False for what is only shown: the worker neither waits for it nor ends without it.
    """

    def __init__(
        self,
        topic: str,
        connect: Callable[[], Consumer],
        *,
        at_once: int,
        late_start: LateStart | None = None,
        is_needed: bool = True,
    ) -> None:
        super().__init__()
        self._is_needed = is_needed
        self.topic = topic
        self._connect = connect
        self._at_once = at_once
        self._late_start = late_start
        self._caught_up = asyncio.Event()
        self._read: set[int] = set()
        self._reached: dict[int, int] = {}
        self._behind: set[int | None] = set()
        self._stopping = threading.Event()
        self._outage = Outage(log, "topic can't be read, will retry", "topic is read again", topic=topic)
        self._thread = threading.Thread(target=self._run, name=f"reader-{topic}", daemon=True)

    @abstractmethod
    def _take(self, messages: list[Message]) -> None:
        """Hand messages over. Called by the reader's thread, which reads on when it returns."""

    def _starts(self, consumer: Consumer, partitions: Sequence[int]) -> list[TopicPartition]:  # noqa: ARG002
        """Where the partitions that are there at the start are read from.

        Raises:
            KafkaException: the broker does not answer.
        """
        return [TopicPartition(self.topic, number, OFFSET_BEGINNING) for number in partitions]

    async def on_start(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._thread.start()
        if not self._is_needed:
            return
        if self._late_start is None:
            await self.wait_for_stopped(self._caught_up.wait())
        else:
            await self._late_start.wait(self._caught_up)

    async def on_stop(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read_or_pause()
            except Exception as error:
                if self._is_needed:  # the thread's edge: without it the app must not go on
                    log.critical("topic reader failed, the worker ends: topic=%s: %s", self.topic, error)
                    asyncio.run_coroutine_threadsafe(self.crash(error), self._event_loop)
                    return
                log.exception("topic reader failed, will read again: topic=%s", self.topic)
                self._stopping.wait(_AFTER_FAILURE)

    def _read_or_pause(self) -> None:
        """Read until the reader stops or the client stalls; or pause where Kafka is away."""
        with ExitStack() as opened:
            try:
                consumer = opened.enter_context(closing(self._connect()))
                if self._read:
                    self._read_on(consumer)
                else:
                    self._join_partitions(consumer)
            except KafkaFailed as error:
                self._pause(error)
                return
            self._follow(consumer)

    def _pause(self, error: KafkaFailed) -> None:
        """Wait for Kafka: at a late start, and wherever the topic was read before. Raises KafkaFailed."""
        if self._read or not self._is_needed:
            self._outage.note_failure(str(error))
        elif self._late_start is None:
            raise error
        else:
            self._event_loop.call_soon_threadsafe(self._late_start.note_failure, error)
        self._stopping.wait(_AGAIN)

    def _read_on(self, consumer: Consumer) -> None:
        """Go on where the last consumer was."""
        places = sorted(self._reached.items())
        consumer.incremental_assign([TopicPartition(self.topic, number, at) for number, at in places])

    def _follow(self, consumer: Consumer) -> None:
        """Until the reader stops, or the client stalls."""
        joined_at, stall = time.monotonic(), StallWatch(self.topic)
        while not self._stopping.is_set():
            consumed = consumer.consume(self._at_once, 0.0) or consumer.consume(1, IDLE)
            self._hand_over(consumed)
            has_led_on = [self._note_reached(message) for message in consumed]
            if any(has_led_on):
                stall.note_progress()
            elif stall.is_stalled(consumer, self._reached):
                return
            if time.monotonic() - joined_at > _NEW_PARTITIONS:
                self._join_new_partitions(consumer)
                joined_at = time.monotonic()

    def _join_new_partitions(self, consumer: Consumer) -> None:
        try:
            self._join_partitions(consumer)
        except KafkaFailed as error:  # what is read already goes on once Kafka is back
            log.debug("new partitions are looked for later: %s", error)

    def _join_partitions(self, consumer: Consumer) -> None:
        """Read those partitions that are not read yet: all at start, later ones that were added."""
        added = sorted(set(partitions_of(consumer, self.topic)) - self._read)
        if not added:
            return
        if self._read:
            starts = [TopicPartition(self.topic, number, OFFSET_BEGINNING) for number in added]
        else:
            starts = self._first_starts(consumer, added)
        consumer.incremental_assign(starts)
        self._behind.update(added)
        self._read.update(added)
        self._reached.update({start.partition: start.offset for start in starts})

    def _first_starts(self, consumer: Consumer, partitions: Sequence[int]) -> list[TopicPartition]:
        try:
            return self._starts(consumer, partitions)
        except KafkaException as error:
            reason = error.args[0].str()
            raise KafkaFailed(f"topic can't be read: {reason}, topic={self.topic}") from error

    def _note_reached(self, message: Message) -> bool:
        """Note where a message, or the end of a partition, has led; whether it has."""
        error, number, offset = message.error(), message.partition(), message.offset()
        if (
            number is None
            or offset is None
            or not (error is None or error.code() == KafkaError._PARTITION_EOF)
        ):
            return False
        self._reached[number] = offset + (error is None)
        return True

    def _hand_over(self, consumed: list[Message]) -> None:
        messages = [message for message in consumed if message.error() is None]
        if messages:
            self._outage.note_success()
            self._take(messages)
        for message in consumed:
            error = message.error()
            if error is not None:
                self._note(error, message.partition())
        if not self._behind and not self._caught_up.is_set():
            self._event_loop.call_soon_threadsafe(self._note_caught_up)

    def _note(self, error: KafkaError, partition: int | None) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._behind.discard(partition)
            self._outage.note_success()
        elif error.fatal():
            raise KafkaFailed(f"topic reader failed: {error.str()}, topic={self.topic}")
        else:
            self._outage.note_failure(error.str())

    def _note_caught_up(self) -> None:
        self._caught_up.set()
        if self._late_start is not None:
            self._late_start.note_read(self.topic)
