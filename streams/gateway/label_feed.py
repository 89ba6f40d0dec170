"""Label feed: one thread that reads the topic of labels from a little before its end, in no group.

Each gateway reads all partitions, so no rebalance stands between a request and its label. What was written
before the start is read as far as labels are kept, so that a restart forgets little.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import closing

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from mode import Service

from schemas.codec import LABEL
from schemas.errors import InvalidMessage
from schemas.messages import Label
from streams.errors import KafkaFailed
from streams.kafka.message import as_bytes
from streams.kafka.partitions import partitions_of

log = logging.getLogger(__name__)

_AT_ONCE = 1_000
_IDLE = 0.1
_PROMPTLY = 10.0

Listener = Callable[[Sequence[Label]], None]


class LabelFeed(Service):
    """Hands labels to `listener` on the event loop. It has started once it has read what was there.

    Args:
        newest: labels before the end that are read, about.
    """

    def __init__(self, topic: str, connect: Callable[[], Consumer], newest: int, listener: Listener) -> None:
        super().__init__()
        self._topic = topic
        self._connect = connect
        self._newest = newest
        self._listener = listener
        self._behind: set[int | None] = set()
        self._caught_up = asyncio.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-labels", daemon=True)

    async def on_start(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._thread.start()
        await self.wait_for_stopped(self._caught_up.wait())

    async def on_stop(self) -> None:
        self._ending.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            with closing(self._connect()) as consumer:
                consumer.assign(self._starts(consumer))
                while not self._ending.is_set():
                    self._read(consumer.consume(_AT_ONCE, 0.0) or consumer.consume(1, _IDLE))
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it the app must not go on
            log.critical("labels can't be read, the worker ends: topic=%s: %s", self._topic, error)
            asyncio.run_coroutine_threadsafe(self.crash(error), self._event_loop)

    def _starts(self, consumer: Consumer) -> list[TopicPartition]:
        numbers = partitions_of(consumer, self._topic)
        share, starts = self._newest // max(1, len(numbers)), []
        for number in numbers:
            place = TopicPartition(self._topic, number)
            oldest, end = consumer.get_watermark_offsets(place, _PROMPTLY)
            starts.append(TopicPartition(self._topic, number, max(int(oldest), int(end) - share)))
        self._behind.update(numbers)
        return starts

    def _read(self, consumed: Sequence[Message]) -> None:
        labels = [label for message in consumed if (label := self._label_in(message)) is not None]
        if labels:
            self._hand_over(labels)
        if not self._behind and not self._caught_up.is_set():
            self._event_loop.call_soon_threadsafe(self._caught_up.set)

    def _label_in(self, message: Message) -> Label | None:
        error = message.error()
        if error is None:
            try:
                return LABEL.decode(as_bytes(message.value()))
            except InvalidMessage as problem:
                log.warning("skipped a message that is no label: topic=%s: %s", self._topic, problem)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._behind.discard(message.partition())
        elif error.fatal():
            raise KafkaFailed(f"topic reader failed: {error.str()}, topic={self._topic}")
        else:
            log.warning("%s: %s", self._topic, error.str())
        return None

    def _hand_over(self, labels: Sequence[Label]) -> None:
        """Wait until they are taken, so that a busy event loop is not given more and more."""
        taken = Future[None]()

        def take() -> None:
            try:
                self._listener(labels)
            finally:
                taken.set_result(None)

        self._event_loop.call_soon_threadsafe(take)
        while not (wait([taken], _IDLE).done or self._ending.is_set()):
            pass
