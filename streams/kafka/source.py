"""A source: one thread that consumes a topic, hands batches to an agent, produces their outputs, commits.

The thread owns its consumer and its producer; nobody else calls them. One round of its loop:

    1. consume what is waiting; if nothing is, commit what is pending, then wait for messages
    2. hand the batch to the agent, wait until it is settled
    3. produce the outputs, remember the offsets
    4. commit when the commit interval is over: outputs and offsets together (`streams.kafka.delivery`)

A large batch says that more is waiting: then commits are no closer than `_BACKLOGGED`, so that many messages
share the cost of one. Without transactions outputs are read before they are committed, so nobody
waits for a commit, and 1 goes on to wait for messages without one.

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
- The agent fails otherwise: the batch is halved until the messages that fail alone are found; they are logged
  and become dead letters, so no message can stop a partition. What an agent returns it returns by message, so
  an output that is too large costs its own message alone.
- A transaction fails: it is aborted, and all since the last commit is read again, a little later; after more
  failures in a row with growing pauses.
- The broker refuses a record for its size or form: nothing is asked of the agent again. The outputs are tried
  in parts until the messages at fault are found (`streams.kafka.record_sieve`); these become dead letters.
- The broker was away for longer than a transaction may be open, and has ended it, or the producer is broken
  after an outage: the same, with new clients.
- The producer is fenced by another worker, or not allowed to write: the app crashes, with the reason; a
  supervisor restarts it.
- The client has stopped fetching, without an error (`streams.kafka.member_stall`): what is pending is
  committed, and the source leaves its group, as at a stop; then it rejoins with new clients.
- The client can't go back to the last commit, since the group has just taken the partition: new clients go
  on from there.
- Stop: the batch in hand is finished and committed, then the consumer leaves its group. A batch that takes
  longer than `drain` is left unanswered, and the next owner reads it again.
- kill -9: the broker aborts the open transaction when the restarted worker takes the transactional id, or
  when the transaction times out; its partitions go to others after `session.timeout.ms`.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException, Message

from streams.errors import DeliveryFailed, ProducerLost, StateUnavailable
from streams.kafka.batch import Batch, MessageOutputs
from streams.kafka.channel import BatchChannel
from streams.kafka.group_member import GroupMember, OpenClients
from streams.kafka.offsets import OffsetTracker

log = logging.getLogger(__name__)

_IDLE = 0.25
"""Seconds between looks whether to stop; messages end the wait."""
_PENDING = 0.1
_BACKLOGGED = 0.1
"""Seconds between commits while more is waiting."""
_LARGE = 1 / 8
"""Share of the most messages in a batch from which on one is large: no source that keeps up has as many."""
_BACK_OFF = 1.0
_SIFTED_AT_ONCE = 250


class Source(GroupMember):
    """Feeds `channel` from `topic`; the other arguments are those of `GroupMember`.

    Args:
        commits_when_idle: outputs are read once they are committed, so that a commit must not wait.
    """

    _offsets: OffsetTracker

    def __init__(
        self,
        role: str,
        topic: str,
        channel: BatchChannel,
        open_clients: OpenClients,
        *,
        commits_when_idle: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(role, topic, open_clients, OffsetTracker(topic), **options)
        self.channel = channel
        self._commits_when_idle = commits_when_idle
        self._sent: list[tuple[Sequence[Message], Sequence[MessageOutputs]]] = []

    def _run_round(self) -> None:
        messages = self._consume(self._batch, 0.0)
        if not messages:
            if self._commits_when_idle:
                self._commit()
            messages = self._wait_for_messages()
        if messages:
            self._process(messages)
        if self._is_commit_due(is_backlogged=len(messages) >= self._batch * _LARGE):
            self._commit()

    def _is_commit_due(self, *, is_backlogged: bool) -> bool:
        interval = max(self._commit_interval, _BACKLOGGED) if is_backlogged else self._commit_interval
        return time.monotonic() - self._committed_at >= interval

    def _wait_for_messages(self) -> list[Message]:
        """Those that come first within a moment: more than one may, and they go together."""
        messages = self._consume(1, _PENDING if self._offsets.pending else _IDLE)
        return messages + self._consume(self._batch - 1, 0.0) if messages and self._batch > 1 else messages

    def _process(self, messages: Sequence[Message]) -> None:
        try:
            answers = self._outputs_of(messages)
            self._sent.append((messages, answers))
            self._delivery.send(output for _, outputs in answers for output in outputs)
            self._offsets.mark_processed(messages)
        except StateUnavailable as error:
            log.debug("batch waits, will retry: role=%s: %s", self.role, error)
            self._put_back(messages)
            self._stopping.wait(_BACK_OFF)
        except DeliveryFailed as error:
            self._offsets.mark_processed(messages)
            self._start_over(error)

    def _commit_pending(self) -> None:
        super()._commit_pending()
        self._sent.clear()

    def _outputs_of(self, messages: Sequence[Message]) -> list[MessageOutputs]:
        """The outputs of the messages; of a message on which the agent fails, its dead letter."""
        try:
            return self._agent_outputs(messages)
        except StateUnavailable:
            raise
        except Exception as error:
            if len(messages) > 1:
                log.exception(
                    "agent failed on a batch, trying its halves: role=%s messages=%d",
                    self.role,
                    len(messages),
                )
                half = len(messages) // 2
                return [*self._outputs_of(messages[:half]), *self._outputs_of(messages[half:])]
            return [self._fitting(self._dead_letters.failed(messages[0], error))]

    def _agent_outputs(self, messages: Sequence[Message]) -> list[MessageOutputs]:
        batch = Batch(messages)
        self._event_loop.call_soon_threadsafe(self.channel.offer, batch)
        return [self._fitting(answer) for answer in batch.outcome(self._abandoned)]

    def _fitting(self, answer: MessageOutputs) -> MessageOutputs:
        """The outputs; the message's dead letter where one of them is too large to be produced."""
        message, outputs = answer
        if self._dead_letters.fit(outputs, self._sizes):
            return answer
        return MessageOutputs(message, self._fitting_outputs(message, outputs))

    def _send_sifted(self) -> None:
        """In parts that are committed one by one, so that many messages at fault don't begin anew."""
        batches, self._sent = self._sent, []
        self._offsets.mark_committed()
        answers = [self._fitting(answer) for batch in batches for answer in _all_answers(*batch)]
        for start in range(0, len(answers), _SIFTED_AT_ONCE):
            part = answers[start : start + _SIFTED_AT_ONCE]
            try:
                self._offsets.mark_processed(answer.message for answer in part)
                self._deliver_sifted(part)
                self._commit_pending()
            except DeliveryFailed:
                self._offsets.mark_processed(answer.message for answer in answers[start:])
                raise

    def _deliver_sifted(self, answers: Sequence[MessageOutputs]) -> None:
        sifted = self._delivery.sift([answer.outputs for answer in answers])
        letters = {
            number: [self._refusal_letter(answers[number].message, reason)]
            for number, reason in sifted.refused.items()
        }
        parts = [[answers[number].outputs for number in part] for part in sifted.parts]
        self._delivery.send_apart([*parts, *([letter] for letter in letters.values())])

    def _put_back(self, messages: Sequence[Message]) -> None:
        """Commit what was pending before these messages; they, and it where that fails, are read again."""
        try:
            self._commit_pending()
            self._offsets.mark_processed(messages)
            self._rewind()
        except DeliveryFailed as error:
            self._offsets.mark_processed(messages)
            self._roll_back(error)  # these messages have no outputs that could be sent again

    def _let_go(self) -> None:
        self._sent.clear()
        super()._let_go()

    def _rewind(self) -> None:
        self._sent.clear()
        try:
            for position in self._offsets.to_rewind():
                self._consumer.seek(position)
                self._stall.note_seek(position.partition, position.offset)
        except KafkaException as error:
            # The client has lost the partition and has not said so yet; new ones read from the last commit.
            self._leave_after(ProducerLost(f"can't go back to what was not delivered: {error.args[0].str()}"))
        else:
            self._offsets.mark_committed()


def _all_answers(messages: Sequence[Message], answers: Sequence[MessageOutputs]) -> list[MessageOutputs]:
    """One for each message, in order within each partition."""
    outputs = {_position(message): outputs for message, outputs in answers}
    return [MessageOutputs(message, outputs.get(_position(message), ())) for message in messages]


def _position(message: Message) -> tuple[int, int]:
    return message.partition() or 0, message.offset() or 0
