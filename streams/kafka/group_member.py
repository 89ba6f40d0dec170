"""Member of a consumer group: one thread that consumes a topic, produces outputs, and commits both together.

What sources and lanes share: joining and leaving the group, its callbacks, commits, and what happens when one
fails. The thread owns its consumer and its producer; nobody else calls them.
"""

import asyncio
import logging
import math
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from mode import Service

from streams.errors import (
    CommitRefused,
    DeliveryFailed,
    GenerationChanged,
    KafkaFailed,
    OutputTooLarge,
    ProducerBroken,
    ProducerLost,
    RecordRefused,
)
from streams.kafka.batch import Outgoing
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import Delivery
from streams.kafka.member_stall import MemberStallWatch
from streams.kafka.size_limits import SizeLimits
from streams.outage import Outage

log = logging.getLogger(__name__)

_BACK_OFF = 1.0
_LONGEST_BACK_OFF = 10.0
_SETTLED = 10.0
"""Seconds after rejoining in which what was not delivered is read again."""
_MOST_REFUSALS = 3
_LEAVING = 30.0
"""Seconds that leaving a group may take at a stop, after the work in hand."""

OpenClients = Callable[[], tuple[Consumer, Delivery]]


class Offsets(Protocol):
    """The offsets of the partitions that the member owns; `pending` is what a commit makes durable."""

    @property
    def pending(self) -> bool: ...

    def add(self, partitions: Iterable[TopicPartition]) -> None: ...

    def remove(self, partitions: Iterable[TopicPartition]) -> None: ...

    def drop_all(self) -> None: ...

    def only_owned(self, messages: Sequence[Message]) -> list[Message]: ...

    def mark_committed(self) -> None: ...

    def to_commit(self) -> list[TopicPartition]: ...


class GroupMember(Service):
    """Consumes `topic`.

    Attributes:
        knows_partitions: the group has said which partitions it has, be it none.

    Args:
        role: for logs and threads.
        open_clients: opens the consumer and its delivery; called on the member's thread, at start and again
            each time it rejoins its group.
        offsets: of the topic.
        batch: messages at once, at most.
        commit_interval: seconds.
        sizes: how large the outputs may be; a message whose output would be larger is a dead letter.
        drain: seconds that a stop waits for work in hand before it is left for the next owner.
    """

    def __init__(
        self,
        role: str,
        topic: str,
        open_clients: OpenClients,
        offsets: Offsets,
        *,
        dead_letters: DeadLetters,
        batch: int,
        commit_interval: float,
        drain: float,
        sizes: SizeLimits,
        read_sizes: Callable[[], None] = lambda: None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.role = role
        self.topic = topic
        self._open_clients = open_clients
        self._offsets = offsets
        self._dead_letters = dead_letters
        self._batch = batch
        self._commit_interval = commit_interval
        self._drain = drain
        self._sizes = sizes
        self._read_sizes = read_sizes
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"source-{role}", daemon=True)
        self._committed_at = 0.0
        self._is_member = False
        self._has_joined = False
        self.knows_partitions = False
        self._refusals = 0
        self._stale_commits = 0
        self._failures = 0
        self._owned: set[int] = set()
        self._stall = MemberStallWatch(topic)
        self._rejoined_at = math.inf
        self._undelivered = Outage(
            log,
            "outputs can't be delivered, will retry",
            "outputs are delivered again",
            role=role,
            topic=topic,
        )
        self._unread = Outage(
            log, "messages can't be read, will retry", "messages are read again", role=role, topic=topic
        )

    @abstractmethod
    def _run_round(self) -> None:
        """Consume, have the messages answered, produce, and commit when it is time."""

    @abstractmethod
    def _rewind(self) -> None:
        """After an abort: see to it that what was sent since the last commit is sent again."""

    @abstractmethod
    def _send_sifted(self) -> None:
        """After an abort: find the messages whose outputs are refused, and send again all that was sent.

        Raises:
            DeliveryFailed: nothing can be delivered; then all is still to be sent, or to be rewound.
        """

    async def on_start(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._thread.start()

    async def on_stop(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, self._drain)
        self._abandoned.set()
        # librdkafka may leave a group for ever, for instance one whose protocol has changed meanwhile.
        await asyncio.to_thread(self._thread.join, _LEAVING)
        if self._thread.is_alive():
            log.warning(
                "Kafka client did not leave its group in %.0f s, it is left behind: role=%s",
                _LEAVING,
                self.role,
            )

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._consume_as_member()
        except Exception as error:  # noqa: BLE001 - the thread's edge: without it the app must not go on
            log.critical("source failed, the worker ends: role=%s: %s", self.role, error)
            asyncio.run_coroutine_threadsafe(self.crash(error), self._event_loop)

    def _consume_as_member(self) -> None:
        """Join the group and consume, until the source stops, its client stalls, or a commit is refused."""
        try:
            self._consumer, self._delivery = self._open_clients()
        except DeliveryFailed as error:
            if not self._has_joined:  # at the start, nobody knows whether there is a broker at all
                raise
            self._note_failure(error)
            self._stopping.wait(_BACK_OFF)
            return
        with closing(self._consumer), closing(self._delivery):
            self._is_member = self._has_joined = True
            self._offsets.drop_all()
            self._owned.clear()
            self._stall.clear()
            self._consumer.subscribe(
                [self.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            try:
                while self._is_member and not self._stopping.is_set() and not self._is_stalled():
                    self._run_round()
                self._finish()
            finally:  # after a failure, leaving the group must not commit what was not delivered
                self._let_go()

    def _is_stalled(self) -> bool:
        """Whether the member has to leave its group, as at a stop, and join it again."""
        stalled = self._stall.find_stalled(self._consumer)
        if stalled:
            log.warning(
                "Kafka client has stopped fetching, leaving the group and joining it again: "
                "role=%s topic=%s partitions=%s",
                self.role,
                self.topic,
                ",".join(map(str, stalled)),
            )
        return bool(stalled)

    def _finish(self) -> None:
        """The last thing before the group is left."""
        self._commit()

    def _let_go(self) -> None:
        """From here on nothing is committed."""
        self._offsets.mark_committed()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        messages = []
        for message in self._consumer.consume(count, timeout):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._stall.note_end(message.partition(), message.offset())
            elif error.fatal():
                raise KafkaFailed(f"consumer failed: {error.str()}, topic={self.topic}")
            else:
                self._unread.note_failure(error.str())
        if messages:
            self._unread.note_success()
        return self._only_new(messages) if self._is_member else []

    def _only_new(self, messages: Sequence[Message]) -> list[Message]:
        """Those that are to be worked on."""
        return self._offsets.only_owned(messages)

    def _commit(self) -> None:
        try:
            self._commit_pending()
        except DeliveryFailed as error:
            self._start_over(error)
        self._committed_at = time.monotonic()
        if self._committed_at > self._rejoined_at + _SETTLED:  # there was nothing to deliver again
            self._rejoined_at = math.inf
            self._undelivered.note_success()

    def _commit_pending(self) -> None:
        if self._offsets.pending:
            self._delivery.commit(self._offsets.to_commit())
            self._offsets.mark_committed()
            self._refusals = self._stale_commits = 0
            self._note_success()

    def _note_failure(self, error: DeliveryFailed) -> None:
        self._rejoined_at = math.inf
        self._undelivered.note_failure(error)

    def _note_success(self) -> None:
        self._failures = 0
        self._undelivered.note_success()

    def _start_over(self, error: DeliveryFailed) -> None:
        """Take back what was sent since the last commit, and send it again; see `_roll_back`.

        Where a record is refused for what it is, and where the second try has failed too, its message is
        looked for, and only that one becomes a dead letter.
        """
        expired = self._abort()
        is_sifted = isinstance(error, RecordRefused) or (self._failures > 0 and not _is_refusal(error))
        if expired is None and is_sifted:
            if self._failures == 0:
                log.warning("%s; looking for messages whose outputs are refused, role=%s", error, self.role)
            self._read_sizes()
            try:
                self._send_sifted()
            except DeliveryFailed as failure:
                error = failure
            else:
                return
        self._roll_back(expired or error)

    def _roll_back(self, error: DeliveryFailed) -> None:
        """Take back what was sent since the last commit, and read it again: as a new member if need be.

        The pause before the next try doubles with each failure in a row.
        """
        error = self._abort() or error
        if isinstance(error, GenerationChanged) and self._stale_commits < _MOST_REFUSALS:
            # While others join, a member that keeps its partitions may know the new generation late.
            self._stale_commits += 1
            log.info("group is rebalancing, committing again: %s, role=%s", error, self.role)
            self._rewind()
        elif isinstance(error, CommitRefused):
            self._stale_commits = 0
            self._leave_after(error)
        else:
            self._note_failure(error)
            self._rewind()
        pause = min(_LONGEST_BACK_OFF, _BACK_OFF * 2 ** min(self._failures, 10))
        self._failures += not _is_refusal(error)
        self._stopping.wait(pause)

    def _fitting_outputs(self, message: Message, outputs: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """The outputs; the message's dead letter where one of them is too large to be produced."""
        try:
            return self._dead_letters.fitting(outputs, self._sizes)
        except OutputTooLarge as error:
            log.error("output too large, the message goes to dead letters: role=%s: %s", self.role, error)
            return self._dead_letters.fitting([self._dead_letters.failure(message, error)], self._sizes)

    def _refusal_letter(self, message: Message, reason: str) -> Outgoing:
        """The dead letter of a message whose output the broker refuses also alone."""
        log.error("an output is refused, its message goes to dead letters: role=%s: %s", self.role, reason)
        letter = self._dead_letters.letter(message, f"the broker refuses an output: {reason}")
        return self._dead_letters.fitting([letter], self._sizes)[0]

    def _abort(self) -> ProducerLost | None:
        """Abort; the error where the producer is of no use any more."""
        try:
            self._delivery.abort()
        except ProducerLost as error:
            return error
        return None

    def _leave_after(self, error: CommitRefused) -> None:
        """Drop all partitions; the loop ends, and the source rejoins the group.

        Raises:
            KafkaFailed: too many commits in a row were refused. Not after outages, however many.
        """
        self._is_member = False
        self._offsets.drop_all()
        if not isinstance(error, ProducerLost) or isinstance(error, ProducerBroken):
            self._refusals += 1
        if self._refusals >= _MOST_REFUSALS:
            raise KafkaFailed(
                f"{error}: {self._refusals} times in a row, although the worker rejoined its group. "
                "Start all workers with the same Kafka consumer options: the usual cause is another "
                f"`group.protocol`. role={self.role} topic={self.topic}"
            )
        if isinstance(error, ProducerLost):
            self._note_failure(error)
        else:
            log.warning("%s; partitions dropped, rejoining the group, role=%s", error, self.role)

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions assigned: role=%s partitions=%s", self.role, _numbers(partitions))
        self.knows_partitions = True
        self._offsets.add(partitions)
        self._stall.add(partitions)
        self._owned.update(one.partition for one in partitions)
        self._rejoined_at = time.monotonic() if self._undelivered.is_on else math.inf
        if not self._owned:  # what is undelivered is another member's now
            self._undelivered.note_success()

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions revoked: role=%s partitions=%s", self.role, _numbers(partitions))
        self._owned.difference_update(one.partition for one in partitions)
        self._stall.remove(partitions)
        try:
            self._commit_pending()
            self._offsets.remove(partitions)
        except DeliveryFailed as error:
            self._offsets.remove(partitions)
            self._roll_back(error)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.difference_update(one.partition for one in partitions)
        self._stall.remove(partitions)
        self._offsets.remove(partitions)
        # A session ends most often by an outage of the broker; after it a transactional call of the old
        # producer may never return. Those of a new one do.
        lost = ProducerLost(f"the group has given partitions {_numbers(partitions)} away")
        self._leave_after(self._abort() or lost)


def _is_refusal(error: DeliveryFailed) -> bool:
    """Whether the group refuses this member: that says nothing of its outputs."""
    return isinstance(error, CommitRefused)


def _numbers(partitions: Sequence[TopicPartition]) -> str:
    return ",".join(str(partition.partition) for partition in partitions) or "none"
