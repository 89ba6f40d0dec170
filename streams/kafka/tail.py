"""A tail: one thread that reads a whole topic from its start, in no group, and keeps reading.

For logs that every process needs in full: the config, and a trainer's traces. Nothing is committed; a restart
reads the log again. The agent at the other end of the channel makes no outputs.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition
from mode import Service

from streams.errors import KafkaFailed, StateUnavailable
from streams.kafka.batch import Batch
from streams.kafka.channel import BatchChannel
from streams.kafka.partitions import partitions_of

log = logging.getLogger(__name__)

_IDLE = 0.1
_PROMPTLY = 10.0
_NEW_PARTITIONS = 60.0


class Tail(Service):
    """Feeds `channel` with all of `topic`. It has started once the messages that were there are handed on."""

    def __init__(
        self,
        topic: str,
        channel: BatchChannel,
        connect: Callable[[], Consumer],
        *,
        batch: int,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.topic = topic
        self.channel = channel
        self._caught_up = asyncio.Event()
        self._connect = connect
        self._batch = batch
        self._read: set[int] = set()
        self._behind: set[int | None] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tail-{topic}", daemon=True)

    async def on_start(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._thread.start()
        await self.wait_for_stopped(self._caught_up.wait())

    async def on_stop(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            with closing(self._connect()) as consumer:
                self._follow(consumer)
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it the app must not go on
            log.critical("topic reader failed, the worker ends: topic=%s: %s", self.topic, error)
            asyncio.run_coroutine_threadsafe(self.crash(error), self._event_loop)

    def _follow(self, consumer: Consumer) -> None:
        self._join_partitions(consumer)
        joined_at = time.monotonic()
        while not self._stopping.is_set():
            self._hand_over(consumer.consume(self._batch, _IDLE))
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
        added = set(partitions_of(consumer, self.topic)) - self._read
        if added:
            consumer.incremental_assign([TopicPartition(self.topic, at, OFFSET_BEGINNING) for at in added])
        self._behind |= added - self._read
        self._read |= added

    def _hand_over(self, consumed: list[Message]) -> None:
        messages = [message for message in consumed if message.error() is None]
        if messages:
            self._offer(Batch(messages))
        for message in consumed:
            error = message.error()
            if error is not None:
                self._note(error, message.partition())
        if not self._behind and not self._caught_up.is_set():
            self._event_loop.call_soon_threadsafe(self._caught_up.set)

    def _note(self, error: KafkaError, partition: int | None) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._behind.discard(partition)
        elif error.fatal():
            raise KafkaFailed(f"topic reader failed: {error.str()}, topic={self.topic}")
        else:
            log.warning("%s: %s", self.topic, error.str())

    def _offer(self, batch: Batch) -> None:
        self._event_loop.call_soon_threadsafe(self.channel.offer, batch)
        try:
            batch.outcome(self._stopping)
        except StateUnavailable as error:
            log.debug("%s: %s", self.topic, error)
        except Exception:
            log.exception("skipped a batch: agent raised, topic=%s", self.topic)
