"""Makes outputs and offsets durable together: in a transaction, or offsets after delivery reports.

Both are used from the source's thread alone, in this order, again and again:

    send*  ->  commit        outputs of one or more batches, then their offsets
    send*  ->  abort         nothing of them counts; the source rewinds

`DeliveryFailed` from `send` or `commit` means: abort, rewind, try again; its kind `RecordRefused` means:
abort, find the message at fault (`sift`); its kind `CommitRefused` means: abort, rejoin the group, unless the
group is only rebalancing (`GenerationChanged`). `DeliveryFatal` means that this process must end: a newer
worker of the same slot has fenced it.

The broker ends a transaction that is open too long, as one is after an outage, and fences its producer. That
looks as if a newer worker had taken the slot; but of so old a transaction it is no sign of one. Neither is it
after an opening that an outage has hindered (`streams.kafka.own_fence`). After an
outage a producer may also lose its coordinator: every call then times out, or does not return at all. So no
call waits for much longer than the transaction may be open: `ProducerLost` then says that only new clients
can go on.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.errors import (
    CommitRefused,
    DeliveryFailed,
    DeliveryFatal,
    GenerationChanged,
    ProducerBroken,
    ProducerLost,
    RecordRefused,
    TransactionExpired,
)
from streams.kafka.batch import Outgoing
from streams.kafka.own_fence import OwnFence
from streams.kafka.record_sieve import RECORD_ERRORS, Outputs, Sifted, Trial, produce_and_wait, sift
from streams.kafka.timed_calls import CallNotReturned, TimedCalls

FENCED = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError._FATAL}
)
_FORBIDDEN = frozenset(
    {KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
)
_MAY_BE_A_RECORD = RECORD_ERRORS | {KafkaError._STATE}
"""What a transaction says once a record of it has failed; a call after that may hear of the state alone."""
_NOT_A_MEMBER = frozenset({KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_MEMBER_EPOCH})
COMMIT_SETTLES = 0.004
"""Seconds in which the broker writes the markers of a transaction that it has just promised to commit."""
_COMMIT_ATTEMPTS = 5
_PROMPTLY = 30.0
_CALL = 10.0
"""Seconds that a transactional call may take."""
_AT_LEAST = 1.0
"""The same of a transaction whose time is nearly over."""
_GRACE = 5.0
"""Seconds after its timeout from which on a call is held never to return."""


class Delivery(Protocol):
    """One consumer's producer, and what commits both."""

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        """Produce. Raises DeliveryFailed or DeliveryFatal."""

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        """Make everything sent, and these next offsets to read, durable. Raises like `send`."""

    def abort(self) -> None:
        """Forget what was sent and not committed. Raises DeliveryFatal or ProducerLost."""

    def sift(self, messages: Sequence[Outputs]) -> Sifted:
        """Which of these messages' outputs the broker accepts, and which it refuses alone.

        Nothing is open before and after it. In transactions nothing becomes visible; without, what is
        accepted does. Raises like `send`.
        """

    def send_apart(self, parts: Iterable[Sequence[Outputs]]) -> None:
        """Produce; the broker has taken each part before the next is produced. Raises like `send`."""

    def close(self) -> None:
        """Abort what is open and let the producer go."""


class ExactlyOnce:
    """Outputs and offsets in one transaction.

    Args:
        transactional_id: stays the same when a worker restarts; opening it fences the predecessor and
            aborts what that one left open.
        timeout: seconds after which the broker ends a transaction.
        own_fence: of this transactional id.

    Raises:
        DeliveryFailed, DeliveryFatal: the broker does not grant the transactional id.
    """

    def __init__(
        self,
        consumer: Consumer,
        producer: Producer,
        transactional_id: str,
        timeout: float,
        clock: Callable[[], float] = monotonic,
        own_fence: OwnFence | None = None,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._own_fence = own_fence or OwnFence()
        self._consumer = consumer
        self._producer = producer
        self._id = transactional_id
        self._timeout = timeout
        self._clock = clock
        self._open = False
        self._begun_at = clock()
        self._pause = pause
        self._committed_at = -COMMIT_SETTLES
        self._calls = TimedCalls(f"transactions-{transactional_id}")
        try:
            with self._own_fence.opening():
                self._retried(producer.init_transactions)
        except (DeliveryFailed, DeliveryFatal):
            self._calls.close()
            raise

    def _begin(self) -> None:
        """Open a transaction where none is.

        Right after a commit the broker refuses the next transaction's partitions for a moment
        (CONCURRENT_TRANSACTIONS), and the client then waits for at least 20 ms: so it begins a little later.
        """
        if not self._open:
            if (left := self._committed_at + COMMIT_SETTLES - self._clock()) > 0:
                self._pause(left)
            self._retried(lambda _: self._producer.begin_transaction())
            self._open, self._begun_at = True, self._clock()

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        self._begin()
        try:
            _produce(self._producer, outgoing, on_delivery=None)
        except KafkaException as error:
            raise self._failure(error) from error

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        if not self._open:  # nothing was sent since the last commit or abort: these offsets are of no outputs
            return
        self._prepare_commit(offsets)
        self._retried(self._producer.commit_transaction)
        self._open, self._committed_at = False, self._clock()

    def _prepare_commit(self, offsets: Sequence[TopicPartition]) -> None:
        """Add the offsets to the transaction."""
        # The metadata carries the group's generation: a worker that lost its partitions is refused here.
        group = self._consumer.consumer_group_metadata()
        at = list(offsets)
        self._retried(lambda seconds: self._producer.send_offsets_to_transaction(at, group, seconds))

    def sift(self, messages: Sequence[Outputs]) -> Sifted:
        return sift(messages, self._attempt)

    def send_apart(self, parts: Iterable[Sequence[Outputs]]) -> None:
        self._begin()
        _produce_apart(self._producer, parts)

    def _attempt(self, messages: Sequence[Outputs]) -> Trial:
        self._begin()
        trial = produce_and_wait(self._producer, messages)
        self.abort()
        return trial

    def abort(self) -> None:
        if self._open:
            try:
                self._retried(self._producer.abort_transaction)
            except ProducerLost:
                raise
            except DeliveryFailed as error:
                if self._is_expired:
                    raise self._expired(str(error)) from error
                raise DeliveryFatal(f"transaction could not be aborted: {error}") from error
            self._open = False

    def close(self) -> None:
        try:
            self.abort()
        finally:
            self._calls.close()

    def _retried(self, call: Callable[[float], object]) -> None:
        """librdkafka's transactional calls may be repeated as they are while it says `retriable`.

        Args:
            call: is given the seconds that it may take.
        """
        for attempt in range(1, _COMMIT_ATTEMPTS + 1):
            left = self._timeout - (self._clock() - self._begun_at)
            seconds = min(_CALL, max(_AT_LEAST, left)) if self._open else _PROMPTLY
            try:
                self._calls.run(partial(call, seconds), seconds + _GRACE)
            except CallNotReturned as error:
                raise self._silence(error) from error
            except KafkaException as error:
                if not error.args[0].retriable() or attempt == _COMMIT_ATTEMPTS or self._is_expired:
                    raise self._failure(error) from error
            else:
                return

    def _failure(self, error: KafkaException) -> DeliveryFailed | DeliveryFatal:
        reason: KafkaError = error.args[0]
        if (refusal := _refusal(reason)) is not None:
            return refusal
        is_fenced = reason.code() in FENCED
        if is_fenced and self._is_expired:
            return self._expired(reason.str())
        if self._open and reason.fatal() and not is_fenced and reason.code() not in _FORBIDDEN:
            self._open = False
            return ProducerBroken(f"producer broken: {reason.str()}, transactional.id={self._id!r}")
        if is_fenced and self._own_fence.explains_one():
            self._open = False
            return ProducerBroken(
                f"producer fenced, it seems by an earlier attempt of its own: {reason.str()}, "
                f"transactional.id={self._id!r}"
            )
        if is_fenced or reason.fatal():
            # Nothing is left to abort; after a fatal commit an abort only says that it conflicts with that.
            self._open = False
            return DeliveryFatal(
                f"producer fenced or broken: {reason.str()}. If another worker took its slot, give each "
                f"worker its own (UNDERSTUDY_SLOT). transactional.id={self._id!r}"
            )
        return _failure_kind(reason)(f"transaction failed: {reason.str()}, transactional.id={self._id!r}")

    def _silence(self, error: CallNotReturned) -> DeliveryFailed:
        """What a call means that does not return: its producer is left behind."""
        said = f"{error}, transactional.id={self._id!r}"
        if not self._open:
            return DeliveryFailed(said)
        self._open = False
        return ProducerLost(said)

    @property
    def _is_expired(self) -> bool:
        return self._open and self._clock() - self._begun_at >= self._timeout

    def _expired(self, why: str) -> TransactionExpired:
        """The broker aborts the transaction, or has done so, at the latest when new clients take its id."""
        self._open = False
        return TransactionExpired(
            f"transaction was open for more than {self._timeout:g} s, so the broker ends it: {why}, "
            f"transactional.id={self._id!r}"
        )


def _refusal(reason: KafkaError) -> CommitRefused | DeliveryFatal | None:
    """The error where the consumer group refuses this member; None for any other reason."""
    if reason.code() == KafkaError.FENCED_INSTANCE_ID:
        return DeliveryFatal(
            f"commit refused: {reason.str()}. Another worker has the same `group.instance.id`: "
            "give each its own"
        )
    if reason.code() == KafkaError.ILLEGAL_GENERATION:
        return GenerationChanged(f"commit refused: {reason.str()}")
    return CommitRefused(f"commit refused: {reason.str()}") if reason.code() in _NOT_A_MEMBER else None


def deliver(producer: Producer, outgoing: Iterable[Outgoing]) -> None:
    """Produce outside of any source, and wait for all delivery reports. Raises DeliveryFailed."""
    failures: list[KafkaError] = []

    def reported(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    try:
        _produce(producer, outgoing, on_delivery=reported)
    except KafkaException as error:
        raise DeliveryFailed(f"the producer did not accept messages: {error.args[0].str()}") from error
    left = producer.flush(_PROMPTLY)
    if failures or left:
        reason = failures[0].str() if failures else f"no answer within {_PROMPTLY:.0f} s"
        raise DeliveryFailed(f"{len(failures) + left} messages were not delivered: {reason}")


class AtLeastOnce:
    """Commits offsets once all delivery reports have come. After a failure outputs may be written twice."""

    def __init__(self, consumer: Consumer, producer: Producer) -> None:
        self._consumer = consumer
        self._producer = producer
        self._failures: list[KafkaError] = []

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        try:
            _produce(self._producer, outgoing, on_delivery=self._reported)
        except KafkaException as error:
            reason = error.args[0]
            failure = DeliveryFatal if reason.fatal() else _failure_kind(reason)
            raise failure(f"the producer did not accept an output: {reason.str()}") from error

    def commit(self, offsets: Sequence[TopicPartition]) -> None:
        self._prepare_commit(offsets)
        if offsets:
            try:
                self._consumer.commit(offsets=list(offsets), asynchronous=False)
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                failure = DeliveryFailed(f"offsets were not committed: {reason.str()}")
                raise (_refusal(reason) or failure) from error

    def _prepare_commit(self, _: Sequence[TopicPartition]) -> None:
        """Wait for all delivery reports."""
        if self._producer.flush(_PROMPTLY):
            raise DeliveryFailed(f"outputs were not acknowledged within {_PROMPTLY:.0f} s")
        if self._failures:
            if self._failures[0].fatal():
                raise DeliveryFatal(f"the producer is broken permanently: {self._failures[0].str()}")
            raise _failure_kind(self._failures[0])(f"an output was not delivered: {self._failures[0].str()}")

    def sift(self, messages: Sequence[Outputs]) -> Sifted:
        return sift(messages, self._attempt)

    def send_apart(self, parts: Iterable[Sequence[Outputs]]) -> None:
        _produce_apart(self._producer, parts)

    def _attempt(self, messages: Sequence[Outputs]) -> Trial:
        trial = produce_and_wait(self._producer, messages)
        # Not purged: what follows a purge may fail with it.
        self._producer.flush(_PROMPTLY)
        return trial

    def abort(self) -> None:
        self._producer.purge()
        self._producer.flush(_PROMPTLY)
        self._failures.clear()

    def close(self) -> None:
        self._producer.flush(_PROMPTLY)

    def _reported(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failures.append(error)


def _failure_kind(reason: KafkaError) -> type[DeliveryFailed]:
    return RecordRefused if reason.code() in _MAY_BE_A_RECORD else DeliveryFailed


def _produce_apart(producer: Producer, parts: Iterable[Sequence[Outputs]]) -> None:
    for part in parts:
        trial = produce_and_wait(producer, part)
        if not trial.is_accepted:
            raise DeliveryFailed(f"outputs can't be delivered: {trial.problem}")


def _produce(
    producer: Producer,
    outgoing: Iterable[Outgoing],
    on_delivery: Callable[[KafkaError | None, Message], None] | None,
) -> None:
    produce = producer.produce
    for topic, key, value, headers in outgoing:
        while True:
            try:
                if headers:
                    produce(topic, value, key, headers=headers, on_delivery=on_delivery)
                else:
                    produce(topic, value, key, on_delivery=on_delivery)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    producer.poll(0)
