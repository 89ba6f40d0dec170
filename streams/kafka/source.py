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
- The group is rebalancing, and refuses a commit of an older generation: what is pending is aborted, and read
  again as soon as the source has heard which partitions it still owns.
- The group refuses a commit, because this worker is no member any more: what is pending is aborted, all
  partitions are dropped, and the source rejoins the group with new clients. If three commits in a row are
  refused, the app crashes, with the reason: reading on would produce the same outputs again and again.
- The agent needs something that is not available now (`StateUnavailable`): the batch is read again, a little
  later, for as long as that takes. Nothing of it was produced.
- The agent fails otherwise: each message is tried alone; those that fail alone are logged and become dead
  letters, so no message can stop a partition.
- A transaction fails: it is aborted, and all since the last commit is read again, a little later.
- The broker was away for longer than a transaction may be open, and has ended it, or the producer is broken
  after an outage: the same, with new clients.
- The producer is fenced by another worker, or not allowed to write: the app crashes, with the reason; a
  supervisor restarts it.
- Stop: the batch in hand is finished and committed, then the consumer leaves its group. A batch that takes
  longer than `drain` is left unanswered, and the next owner reads it again.
- kill -9: the broker aborts the open transaction when the restarted worker takes the transactional id, or
  when the transaction times out; its partitions go to others after `session.timeout.ms`.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Message

from streams.errors import DeliveryFailed, StateUnavailable
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.group_member import GroupMember, OpenClients
from streams.kafka.offsets import OffsetTracker

log = logging.getLogger(__name__)

_IDLE = 0.1
_BACK_OFF = 1.0


class Source(GroupMember):
    """Feeds `channel` from `topic`; the other arguments are those of `GroupMember`."""

    _offsets: OffsetTracker

    def __init__(
        self, role: str, topic: str, channel: BatchChannel, open_clients: OpenClients, **options: Any
    ) -> None:
        super().__init__(role, topic, open_clients, OffsetTracker(topic), **options)
        self.channel = channel

    def _run_round(self) -> None:
        messages = self._consume(self._batch, 0.0)
        if not messages:
            self._commit()
            messages = self._consume(1, _IDLE)
        if messages:
            self._process(messages)
        if time.monotonic() - self._committed_at >= self._commit_interval:
            self._commit()

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

    def _rewind(self) -> None:
        for position in self._offsets.to_rewind():
            self._consumer.seek(position)
        self._offsets.mark_committed()


def _position(message: Message) -> str:
    return f"{message.topic()}[{message.partition()}]@{message.offset()}"
