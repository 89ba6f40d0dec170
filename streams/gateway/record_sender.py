"""Sends the gateway's records to Kafka, and knows when Kafka stands still.

An idempotent producer, so that a record is written once and in order; a call has no offsets to commit with
it, so there is no transaction. A label and its audit copy are two records: after a crash, one may stand
without the other. Callers see records as acknowledged together, or not.

Everything happens on the event loop. It fetches the producer's delivery reports every millisecond while
somebody waits for one: a thread that fetched them would fight with each answer for Python's lock.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from mode import Service

from streams.errors import DeliveryFailed, KafkaFailed
from streams.kafka.batch import Outgoing
from streams.outage import Outage

log = logging.getLogger(__name__)

_WAITED_FOR = 0.001
_POLL = 0.02
"""Seconds between looks for delivery reports: while somebody waits for one, and otherwise."""
_IDLE = 0.5
"""The same while nothing is under way: only a broken client has something to say then."""
_PROBE = 1.0
_AWAY = frozenset({KafkaError._MSG_TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
_MOST_OPEN = 100_000


class _Receipt:
    """Records that were sent together, and whether the broker has acknowledged them.

    Args:
        finished: told once the broker has said something of each.
        future: of somebody who waits for that.
    """

    __slots__ = ("_finished", "error", "future", "left", "sent_at")

    def __init__(
        self, left: int, finished: "Callable[[_Receipt], None]", future: asyncio.Future[None] | None
    ) -> None:
        self.left = left
        self._finished = finished
        self.error: KafkaError | None = None
        self.future = future
        self.sent_at = time.monotonic()

    def report(self, error: KafkaError | None, _: Message | None = None, records: int = 1) -> None:
        """Note what became of one or more records; the producer calls it for each."""
        self.error = self.error or error
        self.left -= records
        if self.left == 0:
            self._finished(self)


class RecordSender(Service):
    """Produces records, and waits for their delivery reports.

    Args:
        stalled_after: seconds without an acknowledgement after which Kafka counts as away.
        drain: seconds that a stop waits for what is under way.

    Attributes:
        dropped: records that were given up, since the start.
    """

    def __init__(
        self,
        open_producer: Callable[[], Producer],
        stalled_after: float,
        drain: float,
        most: int = _MOST_OPEN,
    ) -> None:
        super().__init__()
        self._open_producer = open_producer
        self._stalled_after = stalled_after
        self._drain = drain
        self._most = most
        self._open: deque[_Receipt] = deque()
        self._waiting = 0
        self._poll_due: asyncio.TimerHandle | None = None
        self.dropped = 0
        self._is_broken = False
        self._has_given_up = False
        self._outage = Outage(log, "Kafka acknowledges no records", "Kafka acknowledges records again")

    async def on_start(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._producer = self._open_producer()
        self._poll()
        self.add_future(self._fail_stalled())
        self.add_future(self._probe_while_away())

    async def on_stop(self) -> None:
        left, until = self._producer.flush(0), self._event_loop.time() + self._drain
        while left and self._event_loop.time() < until:
            await asyncio.sleep(_POLL)
            left = self._producer.flush(0)
        if self._poll_due is not None:
            self._poll_due.cancel()
        if left:
            log.error("records were not delivered before the end: records=%d", left)

    @property
    def is_stalled(self) -> bool:
        """Whether the broker has left records unacknowledged for too long, and has not answered since."""
        self._forget_finished()
        if self._is_broken or self._has_given_up:
            return True
        return bool(self._open) and time.monotonic() - self._open[0].sent_at > self._stalled_after

    def send(self, outgoing: Sequence[Outgoing]) -> bool:
        """Send records; a failure is counted and logged. False: the producer takes none of them."""
        return self._send(outgoing) is not None

    async def send_acknowledged(self, outgoing: Sequence[Outgoing]) -> None:
        """Send records, and wait until the broker has acknowledged all.

        Raises:
            DeliveryFailed: it has not in time, although some may be written, or all may be later.
        """
        await self.acknowledgement(outgoing)

    def acknowledgement(self, outgoing: Sequence[Outgoing]) -> asyncio.Future[None]:
        """Send records. The future is done once all are acknowledged, or fails with DeliveryFailed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        receipt = self._send(outgoing, future)
        if receipt is None:
            future.set_exception(DeliveryFailed("the producer is full: too many records wait for Kafka"))
        return future

    async def _fail_stalled(self) -> None:
        """Let nobody wait for longer than it takes to hold Kafka for away."""
        while not self.should_stop:
            await self.sleep(self._stalled_after / 4)
            if self.is_stalled:
                self._outage.note_failure(f"none for {self._stalled_after:g} s, what is recorded waits")
                self.fail_waiting()
            else:
                self._outage.note_success()

    def fail_waiting(self) -> None:
        """Tell all who wait for an acknowledgement that there is none; their records may be written later."""
        for receipt in self._open:
            if receipt.future is not None and not receipt.future.done():
                away = f"Kafka has acknowledged nothing for {self._stalled_after:g} s"
                receipt.future.set_exception(DeliveryFailed(away))

    def _send(
        self, outgoing: Sequence[Outgoing], future: asyncio.Future[None] | None = None
    ) -> _Receipt | None:
        self._forget_finished()
        if len(self._open) >= self._most:
            self._count_dropped(len(outgoing), "too many wait already")
            return None
        receipt = _Receipt(len(outgoing), self._settle, future)
        if not self._open:
            self._poll_in(_POLL)
        self._open.append(receipt)
        for number, (topic, key, value, headers) in enumerate(outgoing):
            try:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=receipt.report)
            except (BufferError, KafkaException) as error:
                reason = _reason(error)
                self._end_if_broken(reason)
                if number == 0:
                    self._open.pop()
                    self._count_dropped(len(outgoing), reason.str())
                    return None
                receipt.report(reason, records=len(outgoing) - number)
                break
        if future is not None:
            self._begin_wait()
        return receipt

    def _settle(self, receipt: _Receipt) -> None:
        error, future = receipt.error, receipt.future
        if error is None:
            self._has_given_up = False
        else:
            self._has_given_up |= error.code() in _AWAY
            self._end_if_broken(error)
            self._count_dropped(1, error.str())
        if future is not None:
            self._waiting -= 1
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(DeliveryFailed(f"Kafka did not take a record: {error.str()}"))

    def _end_if_broken(self, error: KafkaError) -> None:
        """A broken producer takes nothing any more; without another one, nothing would be recorded."""
        if error.fatal() and not self._is_broken:
            self._is_broken = True
            log.critical("the producer of records is broken, the worker ends: %s", error.str())
            failure = KafkaFailed(f"the producer of records is broken permanently: {error.str()}")
            self.add_future(self.crash(failure))

    def _forget_finished(self) -> None:
        while self._open and self._open[0].left <= 0:
            self._open.popleft()

    def _count_dropped(self, records: int, why: str) -> None:
        before, self.dropped = self.dropped, self.dropped + records
        if before == 0 or len(str(before)) != len(str(self.dropped)):
            log.error("records of answers were dropped: %s, dropped so far=%d", why, self.dropped)

    def _begin_wait(self) -> None:
        """Look for delivery reports more often."""
        self._waiting += 1
        if self._waiting == 1:
            self._poll_in(_WAITED_FOR)

    def _poll(self) -> None:
        """Fetch the delivery reports that are there."""
        self._producer.poll(0)
        self._forget_finished()
        if self._waiting:
            self._poll_in(_WAITED_FOR)
        else:
            self._poll_in(_POLL if self._open else _IDLE)

    def _poll_in(self, seconds: float) -> None:
        if self._poll_due is not None:
            self._poll_due.cancel()
        self._poll_due = self._event_loop.call_later(seconds, self._poll)

    async def _probe_while_away(self) -> None:
        """Ask the broker whether it is there, since nothing may be sent that would show it."""
        while not self.should_stop:
            await self.sleep(_PROBE)
            if self._has_given_up:
                with suppress(KafkaException):
                    await asyncio.to_thread(self._producer.list_topics, timeout=_PROBE)
                    self._has_given_up = False


def _reason(error: BufferError | KafkaException) -> KafkaError:
    """Why the producer did not take a record."""
    if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError):
        return error.args[0]
    return KafkaError(KafkaError._QUEUE_FULL, str(error))
