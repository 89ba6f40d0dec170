"""A source: one thread that consumes a topic, hands batches to an agent, produces what they cause, commits.

The thread owns its consumer and its producer; nobody else calls them. One turn of its loop:

    1. consume what is waiting; if nothing is, commit what is pending, then wait for a message
    2. hand the batch to the agent, wait until it is settled
    3. produce the outputs, remember the offsets
    4. commit when the commit interval is over: outputs and offsets together (`streams.kafka.delivery`)

What can go wrong, and what becomes of it:

- Partitions are revoked (inside 1, so no batch is in the agent's hands): what is pending is committed before
  they are given up; where that fails it is aborted, and the next owner reads it again.
- Partitions are lost (this worker was away too long): what is pending is aborted; the group has moved on.
- The agent can't do without something that is away (`StateUnavailable`): the batch is read again, a little
  later, for as long as that takes. Nothing of it was produced.
- The agent fails otherwise: each message is tried alone; those that fail alone are logged and become dead
  letters, so no message can stop a partition.
- A transaction fails: it is aborted, and all since the last commit is read again.
- The producer is fenced or broken for good: the app crashes, with the reason; a supervisor restarts it.
- Stop: the batch in hand is finished and committed, then the consumer leaves its group. A batch that takes
  longer than `drain` is left unanswered, and the next owner reads it again.
- kill -9: the broker aborts the open transaction when the restarted worker takes the transactional id, or
  when the transaction times out; its partitions go to others after `session.timeout.ms`.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from mode import Service

from streams.errors import DeliveryFailed, KafkaFailed, StateUnavailable
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import Delivery
from streams.kafka.offsets import OffsetTracker

log = logging.getLogger(__name__)

_IDLE = 0.1
_BACK_OFF = 1.0

Connect = Callable[[], tuple[Consumer, Delivery]]


class Source(Service):
    """Feeds `channel` from `topic`.

    Args:
        role: for logs and threads.
        connect: opens the consumer and its delivery; called on the source's thread.
        batch: messages at once, at most.
        commit_interval: seconds.
        largest: bytes of an output's value, key and headers, at most; what would cause a larger one is a
            dead letter.
        drain: seconds that a stop waits for the batch in hand before it is left for the next owner.
    """

    def __init__(
        self,
        role: str,
        topic: str,
        channel: BatchChannel,
        connect: Connect,
        *,
        dead_letters: DeadLetters,
        batch: int,
        commit_interval: float,
        drain: float,
        largest: int,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.role = role
        self.topic = topic
        self.channel = channel
        self._connect = connect
        self._dead_letters = dead_letters
        self._batch = batch
        self._commit_interval = commit_interval
        self._drain = drain
        self._largest = largest
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"source-{role}", daemon=True)
        self._progress = OffsetTracker(topic)
        self._committed_at = 0.0

    async def on_start(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._thread.start()

    async def on_stop(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, self._drain)
        self._abandoned.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            self._consumer, self._delivery = self._connect()
            with closing(self._consumer), closing(self._delivery):
                self._consumer.subscribe(
                    [self.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
                )
                self._turns()
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it the app must not go on
            log.critical("%s can't go on: %s", self.role, error)
            asyncio.run_coroutine_threadsafe(self.crash(error), self._event_loop)

    def _turns(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
            self._commit()
        finally:  # after a failure, leaving the group must not commit what was not delivered
            self._progress.committed()

    def _turn(self) -> None:
        messages = self._consumed(self._batch, 0.0)
        if not messages:
            self._commit()
            messages = self._consumed(1, _IDLE)
        if messages:
            self._process(messages)
        if time.monotonic() - self._committed_at >= self._commit_interval:
            self._commit()

    def _consumed(self, most: int, timeout: float) -> list[Message]:
        messages = []
        for message in self._consumer.consume(most, timeout):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.fatal():
                raise KafkaFailed(f"the consumer of {self.topic} failed: {error.str()}")
            else:
                log.warning("%s: %s: %s", self.role, self.topic, error.str())
        return self._progress.ours(messages)

    def _process(self, messages: Sequence[Message]) -> None:
        try:
            self._delivery.send(self._handled(messages))
            self._progress.processed(messages)
        except StateUnavailable as error:
            log.debug("%s waits: %s", self.role, error)
            self._put_back(messages)
            self._stopping.wait(_BACK_OFF)
        except DeliveryFailed as error:
            self._progress.processed(messages)
            self._start_over(error)

    def _handled(self, messages: Sequence[Message]) -> list[Outgoing]:
        try:
            return self._settled(messages)
        except StateUnavailable:
            raise
        except Exception as error:
            if len(messages) > 1:
                log.exception("%s failed on a batch of %d: trying each alone", self.role, len(messages))
                return [out for message in messages for out in self._handled([message])]
            log.exception("%s can't process %s", self.role, _place(messages[0]))
            return self._dead_letters.fitting([self._dead_letters.failure(messages[0], error)], self._largest)

    def _settled(self, messages: Sequence[Message]) -> list[Outgoing]:
        batch = Batch(messages)
        self._event_loop.call_soon_threadsafe(self.channel.offer, batch)
        return self._dead_letters.fitting(batch.outcome(self._abandoned), self._largest)

    def _put_back(self, messages: Sequence[Message]) -> None:
        """Commit what was pending before these messages; they, and it where that fails, are read again."""
        try:
            self._delivery.commit(self._progress.to_commit())
            self._progress.committed()
        except DeliveryFailed as error:
            log.warning("%s: %s; reading again from the last commit", self.role, error)
            self._delivery.abort()
        self._progress.processed(messages)
        self._rewind()

    def _commit(self) -> None:
        try:
            if self._progress.pending:
                self._delivery.commit(self._progress.to_commit())
                self._progress.committed()
        except DeliveryFailed as error:
            self._start_over(error)
        self._committed_at = time.monotonic()

    def _start_over(self, error: DeliveryFailed) -> None:
        log.warning("%s: %s; reading again from the last commit", self.role, error)
        self._delivery.abort()
        self._rewind()

    def _rewind(self) -> None:
        for at in self._progress.to_rewind():
            self._consumer.seek(at)
        self._progress.committed()

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("%s gains %s", self.role, _numbers(partitions))
        self._progress.gained(partitions)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("%s gives up %s", self.role, _numbers(partitions))
        try:
            self._delivery.commit(self._progress.to_commit())
            self._progress.committed()
            self._progress.gave_up(partitions)
        except DeliveryFailed as error:
            self._progress.gave_up(partitions)
            self._start_over(error)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("%s has lost %s", self.role, _numbers(partitions))
        self._progress.gave_up(partitions)
        self._delivery.abort()
        self._rewind()


def _place(message: Message) -> str:
    return f"{message.topic()}[{message.partition()}]@{message.offset()}"


def _numbers(partitions: Sequence[TopicPartition]) -> str:
    return ", ".join(str(at.partition) for at in partitions) or "nothing"
