"""A source: one thread that consumes a topic, hands batches to an agent, produces their outputs, commits.

The thread owns its consumer and its producer; nobody else calls them. One round of its loop:

    1. consume what is waiting; if nothing is, commit what is pending, then wait for a message
    2. hand the batch to the agent, wait until it is settled
    3. produce the outputs, remember the offsets
    4. commit when the commit interval is over: outputs and offsets together (`streams.kafka.delivery`)

What can go wrong, and what the source does then:

- Partitions are revoked (inside 1, so no batch is in the agent's hands): what is pending is committed before
  they are given up; where that fails it is aborted, and the next owner reads it again.
- Partitions are lost (this worker was away too long): what is pending is aborted; the group has moved on.
- The group refuses a commit, because this worker is no member any more: what is pending is aborted, all
  partitions are dropped, and the source rejoins the group with new clients. If three commits in a row are
  refused, the app crashes, with the reason: reading on would produce the same outputs again and again.
- The agent needs something that is not available now (`StateUnavailable`): the batch is read again, a little
  later, for as long as that takes. Nothing of it was produced.
- The agent fails otherwise: each message is tried alone; those that fail alone are logged and become dead
  letters, so no message can stop a partition.
- A transaction fails: it is aborted, and all since the last commit is read again, a little later.
- The producer is fenced or broken permanently: the app crashes, with the reason; a supervisor restarts it.
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

from streams.errors import CommitRefused, DeliveryFailed, KafkaFailed, StateUnavailable
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import Delivery
from streams.kafka.offsets import OffsetTracker

log = logging.getLogger(__name__)

_IDLE = 0.1
_BACK_OFF = 1.0
_MOST_REFUSALS = 3

OpenClients = Callable[[], tuple[Consumer, Delivery]]


class Source(Service):
    """Feeds `channel` from `topic`.

    Args:
        role: for logs and threads.
        open_clients: opens the consumer and its delivery; called on the source's thread, at start and again
            each time the source rejoins its group.
        batch: messages at once, at most.
        commit_interval: seconds.
        max_bytes: bytes of an output's value, key and headers, at most; a message whose output would be
            larger is a dead letter.
        drain: seconds that a stop waits for the batch in hand before it is left for the next owner.
    """

    def __init__(
        self,
        role: str,
        topic: str,
        channel: BatchChannel,
        open_clients: OpenClients,
        *,
        dead_letters: DeadLetters,
        batch: int,
        commit_interval: float,
        drain: float,
        max_bytes: int,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.role = role
        self.topic = topic
        self.channel = channel
        self._open_clients = open_clients
        self._dead_letters = dead_letters
        self._batch = batch
        self._commit_interval = commit_interval
        self._drain = drain
        self._max_bytes = max_bytes
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"source-{role}", daemon=True)
        self._offsets = OffsetTracker(topic)
        self._committed_at = 0.0
        self._is_member = False
        self._refusals = 0

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
            while not self._stopping.is_set():
                self._consume_as_member()
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it the app must not go on
            log.critical("source failed, the worker ends: role=%s: %s", self.role, error)
            asyncio.run_coroutine_threadsafe(self.crash(error), self._event_loop)

    def _consume_as_member(self) -> None:
        """Join the group and consume, until the source stops or the group refuses a commit."""
        self._consumer, self._delivery = self._open_clients()
        with closing(self._consumer), closing(self._delivery):
            self._is_member = True
            self._offsets.drop_all()
            self._consumer.subscribe(
                [self.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            try:
                while self._is_member and not self._stopping.is_set():
                    self._run_round()
                self._commit()
            finally:  # after a failure, leaving the group must not commit what was not delivered
                self._offsets.mark_committed()

    def _run_round(self) -> None:
        messages = self._consume(self._batch, 0.0)
        if not messages:
            self._commit()
            messages = self._consume(1, _IDLE)
        if messages:
            self._process(messages)
        if time.monotonic() - self._committed_at >= self._commit_interval:
            self._commit()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        messages = []
        for message in self._consumer.consume(count, timeout):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.fatal():
                raise KafkaFailed(f"consumer failed: {error.str()}, topic={self.topic}")
            else:
                log.warning("consumer error: %s, role=%s topic=%s", error.str(), self.role, self.topic)
        return self._offsets.only_owned(messages) if self._is_member else []

    def _process(self, messages: Sequence[Message]) -> None:
        try:
            self._delivery.send(self._outputs_of(messages))
            self._offsets.mark_processed(messages)
        except StateUnavailable as error:
            log.debug("batch waits, will retry: role=%s: %s", self.role, error)
            self._put_back(messages)
            self._stopping.wait(_BACK_OFF)
        except DeliveryFailed as error:
            self._offsets.mark_processed(messages)
            self._start_over(error)

    def _outputs_of(self, messages: Sequence[Message]) -> list[Outgoing]:
        """The outputs of the messages; of a message on which the agent fails, its dead letter."""
        try:
            return self._agent_outputs(messages)
        except StateUnavailable:
            raise
        except Exception as error:
            if len(messages) > 1:
                log.exception(
                    "agent failed on a batch, trying each message alone: role=%s messages=%d",
                    self.role,
                    len(messages),
                )
                return [output for message in messages for output in self._outputs_of([message])]
            log.exception(
                "agent failed on a message, it goes to dead letters: role=%s message=%s",
                self.role,
                _position(messages[0]),
            )
            return self._dead_letters.fitting(
                [self._dead_letters.failure(messages[0], error)], self._max_bytes
            )

    def _agent_outputs(self, messages: Sequence[Message]) -> list[Outgoing]:
        batch = Batch(messages)
        self._event_loop.call_soon_threadsafe(self.channel.offer, batch)
        return self._dead_letters.fitting(batch.outcome(self._abandoned), self._max_bytes)

    def _put_back(self, messages: Sequence[Message]) -> None:
        """Commit what was pending before these messages; they, and it where that fails, are read again."""
        try:
            self._commit_pending()
            self._offsets.mark_processed(messages)
            self._rewind()
        except DeliveryFailed as error:
            self._offsets.mark_processed(messages)
            self._start_over(error)

    def _commit(self) -> None:
        try:
            self._commit_pending()
        except DeliveryFailed as error:
            self._start_over(error)
        self._committed_at = time.monotonic()

    def _commit_pending(self) -> None:
        if self._offsets.pending:
            self._delivery.commit(self._offsets.to_commit())
            self._offsets.mark_committed()
            self._refusals = 0

    def _start_over(self, error: DeliveryFailed) -> None:
        """Take back what was sent since the last commit, and read it again: as a new member if need be."""
        self._delivery.abort()
        if isinstance(error, CommitRefused):
            self._leave_after(error)
        else:
            log.warning("%s; reading again from the last commit, role=%s", error, self.role)
            self._rewind()
        self._stopping.wait(_BACK_OFF)

    def _leave_after(self, error: CommitRefused) -> None:
        """Drop all partitions; the loop ends, and the source rejoins the group.

        Raises:
            KafkaFailed: too many commits in a row were refused.
        """
        self._is_member = False
        self._offsets.drop_all()
        self._refusals += 1
        if self._refusals >= _MOST_REFUSALS:
            raise KafkaFailed(
                f"{error}: {self._refusals} times in a row, although the worker rejoined its group. "
                "Start all workers with the same Kafka consumer options: the usual cause is another "
                f"`group.protocol`. role={self.role} topic={self.topic}"
            )
        log.warning("%s; partitions dropped, rejoining the group, role=%s", error, self.role)

    def _rewind(self) -> None:
        for position in self._offsets.to_rewind():
            self._consumer.seek(position)
        self._offsets.mark_committed()

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions assigned: role=%s partitions=%s", self.role, _numbers(partitions))
        self._offsets.add(partitions)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions revoked: role=%s partitions=%s", self.role, _numbers(partitions))
        try:
            self._commit_pending()
            self._offsets.remove(partitions)
        except DeliveryFailed as error:
            self._offsets.remove(partitions)
            self._start_over(error)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("partitions lost: role=%s partitions=%s", self.role, _numbers(partitions))
        self._offsets.remove(partitions)
        self._delivery.abort()
        self._rewind()


def _position(message: Message) -> str:
    return f"{message.topic()}[{message.partition()}]@{message.offset()}"


def _numbers(partitions: Sequence[TopicPartition]) -> str:
    return ",".join(str(partition.partition) for partition in partitions) or "none"
