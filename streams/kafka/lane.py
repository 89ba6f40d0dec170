"""A lane: a source whose messages are answered one by one and in any order, while many are under way.

For work that takes long and ends when it likes, such as calls of a teacher: one that hangs holds up no other.
The lane's thread owns its consumer and its producer. One round of its loop:

    1. read on in partitions that have room; those with too many open messages are paused
    2. hand what was read to the agent, which answers each message when it can (`streams.kafka.open_message`)
    3. produce the outputs of those that have been answered meanwhile
    4. commit when the commit interval is over: outputs and offsets together. The offset is that of the oldest
       open message; which later ones are answered stands in the commit's metadata (`LaneOffsets`)

Where the window of a partition gets full, the tasks that hold most make room (`streams.kafka.lane_window`),
so that none waits for what another waits for. Their newest messages go on to the topic `overflow`, in the
same transaction as their offsets; in a lane that has none, or reads that topic itself, they are parked: the
lane keeps their places, and seeks back to them. A lane that reads `overflow` moves parked ones to its end
where they would keep a commit from holding all that is answered.

What can go wrong beside what `streams.kafka.source` lists, and what the lane does then:

- Partitions are revoked, or the worker stops: messages that nobody works on are left to the next owner. Those
  in work have `drain` seconds to be answered, and are committed; the next owner reads the others again.
- A transaction fails: it is aborted, and its outputs, which are still known, are produced again. Nothing is
  asked twice.
- kill -9: what was answered since the last commit, and what was in work, is read and answered again.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.clock import unix_ms
from streams.errors import CommitRefused, DeliveryFailed, KafkaFailed, OutputTooLarge
from streams.kafka.batch import Outgoing
from streams.kafka.channel import LaneChannel
from streams.kafka.group_member import GroupMember, OpenClients
from streams.kafka.lane_offsets import LaneOffsets
from streams.kafka.lane_window import PartitionWindow, WindowClaim
from streams.kafka.message import as_bytes, headers_of, key_of
from streams.kafka.open_message import OpenMessage
from streams.kafka.partitions import partitions_of

log = logging.getLogger(__name__)

_BRIEFLY = 0.01
_IDLE = 0.25
_PROMPTLY = 10.0
_LOOK_FOR_TOPIC = 60.0
_PLAN = 0.1
_PLAN_SHARE = 20.0
"""Plans of what to recall take a twentieth of the time, at most."""
_MOST_PARKED = 200_000
"""Parked messages of one partition; from there on it is paused."""

Answered = tuple[OpenMessage, Sequence[Outgoing]]
Claims = Callable[[Message], WindowClaim | None]


class Lane(GroupMember):
    """Feeds `channel` from `topic`; the other arguments are those of `GroupMember`, and:

    Args:
        window: open messages of one partition, about; from there on it is paused until half are answered.
        window_bytes: bytes of all open messages; from there on all partitions are paused.
        claims: of a message on the window; None where it must stay in hand. Called on the lane's thread.
        overflow: topic that takes what must make room. While the broker has no such topic, all is parked.
        pauses_when_crowded: read no further while a commit may soon not hold all that is answered, rather
            than answer some of it again after a kill.
    """

    _offsets: LaneOffsets

    def __init__(
        self,
        role: str,
        topic: str,
        channel: LaneChannel,
        open_clients: OpenClients,
        *,
        window: int,
        window_bytes: int,
        claims: Claims,
        overflow: str | None = None,
        pauses_when_crowded: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(role, topic, open_clients, LaneOffsets(topic), **options)
        self.channel = channel
        self._window = window
        self._window_bytes = window_bytes
        self._claims = claims
        self._overflow = overflow
        self._pauses_when_crowded = pauses_when_crowded
        self._has_overflow = False
        self._overflow_sought_at = -math.inf
        self._planned_until = 0.0
        self._windows: dict[int, PartitionWindow] = {}
        self._answered: SimpleQueue[Answered] = SimpleQueue()
        self._open: dict[int, dict[OpenMessage, None]] = {}
        self._open_bytes = 0
        self._paused: set[int] = set()
        self._sent: list[Answered] = []
        self._unsent: list[Answered] = []

    def _run_round(self) -> None:
        self._recall()
        self._pause_and_resume()
        messages = self._consume(self._batch, 0.0)
        if not messages and self._answered.empty():
            messages = self._consume(1, _BRIEFLY if self._open_bytes or self._offsets.pending else _IDLE)
        if messages:
            self._hand_over(messages)
        try:
            self._send_answered()
        except DeliveryFailed as error:
            self._start_over(error)
        if time.monotonic() - self._committed_at >= self._commit_interval:
            self._commit()

    def _only_new(self, messages: Sequence[Message]) -> list[Message]:
        """Those that are new, and those that were recalled."""
        recalled: list[Message] = []
        others: list[Message] = []
        for message in messages:
            number, offset = message.partition() or 0, message.offset() or 0
            window = self._windows.get(number)
            if window is not None and window.is_passed_by(offset):
                self._let_go_of_deleted(number)
            if window is None or not window.was_read(offset):
                others.append(message)
            elif self._take_back(window, number, offset):
                recalled.append(message)
        new = super()._only_new(others)
        for message in new:
            self._windows[message.partition() or 0].note_new(message.offset() or 0)
        for message in others:
            if (window := self._windows.get(message.partition() or 0)) is not None:
                window.end = max(window.end, (message.offset() or 0) + 1)
        return recalled + new

    def _take_back(self, window: PartitionWindow, number: int, offset: int) -> bool:
        is_recalled = window.take_back(offset)
        if is_recalled and not window.recalled and offset + 1 < window.end:
            self._seek(number, window.end)
        return is_recalled

    def _let_go_of_deleted(self, number: int) -> None:
        """The broker may have deleted parked messages; those that it has are recalled again."""
        try:
            oldest, _ = self._consumer.get_watermark_offsets(TopicPartition(self.topic, number), _PROMPTLY)
        except KafkaException as error:
            log.debug("oldest offset unknown: role=%s: %s", self.role, error.args[0].str())
            oldest = 0
        for offset in self._windows[number].drop_before(int(oldest)):
            self._offsets.mark_gone(number, offset)

    def _hand_over(self, messages: Sequence[Message]) -> None:
        opened = [OpenMessage(message, self._on_answer) for message in messages]
        for one in opened:
            number = one.message.partition() or 0
            self._open[number][one] = None
            self._open_bytes += _size(one.message)
            window = self._windows[number]
            if (one.message.offset() or 0) in window.leaving and self._move(one):
                one.retract()
            else:
                window.add(one, self._claim(one.message), self._weight(one.message))
        for number in {one.message.partition() or 0 for one in opened}:
            self._make_room(number)
        waiting = tuple(one for one in opened if one.is_waiting)
        if waiting:
            self._event_loop.call_soon_threadsafe(self.channel.offer, waiting)

    def _make_room(self, number: int) -> None:
        window = self._windows[number]
        for one, held in window.surplus():
            may_move = held.claim.may_move and self.topic != self._overflow
            if not may_move or not self._move(one):
                window.park(one, held)
                self._close([one])

    def _move(self, opened: OpenMessage) -> bool:
        """Have a message sent on as it is; False where it can't be."""
        if self._overflow is None or not self._is_there(self._overflow):
            return False
        message = opened.message
        moved = Outgoing(
            self._overflow, key_of(message), as_bytes(message.value()), headers_of(message) or None
        )
        try:
            self._dead_letters.fitting([moved], self._sizes)
        except OutputTooLarge:
            return False
        self._answered.put((opened, [moved]))
        return True

    def _is_there(self, topic: str) -> bool:
        """Whether the broker has the topic; it is asked once a minute until it has."""
        if not self._has_overflow and time.monotonic() >= self._overflow_sought_at + _LOOK_FOR_TOPIC:
            self._overflow_sought_at = time.monotonic()
            try:
                self._has_overflow = bool(partitions_of(self._consumer, topic))
            except KafkaFailed as error:
                log.warning("messages can't be moved and wait where they are: role=%s: %s", self.role, error)
        return self._has_overflow

    def _recall(self) -> None:
        """Seek back to parked messages that there is room for, or whose time is over."""
        begun = time.monotonic()
        if begun < self._planned_until or not any(one.parked for one in self._windows.values()):
            return
        for number, window in self._windows.items():
            if window.parked and not window.recalled:
                window.plan_recall(unix_ms(), self._is_crowded(number))
                if window.recalled and self._seek(number, window.recalled[0]):
                    window.is_behind = True
                else:
                    window.recalled.clear()
        self._planned_until = time.monotonic() + max(_PLAN, _PLAN_SHARE * (time.monotonic() - begun))

    def _is_crowded(self, number: int) -> bool:
        return self.topic == self._overflow and self._offsets.is_crowded(number)

    def _seek(self, number: int, offset: int) -> bool:
        try:
            self._consumer.seek(TopicPartition(self.topic, number, offset))
        except KafkaException as error:
            log.debug("could not seek, will retry: role=%s: %s", self.role, error.args[0].str())
            return False
        self._stall.note_seek(number, offset)
        return True

    def _claim(self, message: Message) -> WindowClaim | None:
        """None also where its time is over: then it is answered at once."""
        claim = self._claims(message)
        return claim if claim is not None and unix_ms() < claim.until else None

    def _weight(self, message: Message) -> int:
        """In messages: one of many bytes counts for several."""
        share = _size(message) * len(self._windows) / self._window_bytes
        return max(1, math.ceil(share * self._window))

    def _on_answer(self, opened: OpenMessage, outputs: Sequence[Outgoing]) -> None:
        self._answered.put((opened, outputs))

    def _send_answered(self) -> None:
        """Produce the outputs of what has been answered; first those of an aborted transaction.

        Raises:
            DeliveryFailed: as `Delivery.send`; then all of them are still to be sent.
        """
        while self._unsent or not self._answered.empty():
            if not self._unsent:
                self._unsent.append(self._answered.get())
            self._send(*self._unsent[0])
            self._sent.append(self._unsent.pop(0))

    def _send(self, opened: OpenMessage, outputs: Sequence[Outgoing]) -> None:
        if self._is_open(opened):
            self._delivery.send(self._fitting_outputs(opened.message, outputs))
            self._offsets.mark_answered(opened.message)

    def _send_sifted(self) -> None:
        """In one transaction: a commit says of each message whether it is answered."""
        self._rewind()
        answered = [one for one in self._unsent if self._is_open(one[0])]
        outputs = [self._fitting_outputs(opened.message, outputs) for opened, outputs in answered]
        sifted = self._delivery.sift(outputs)
        for number, reason in sifted.refused.items():
            outputs[number] = [self._refusal_letter(answered[number][0].message, reason)]
        self._unsent = [(opened, made) for (opened, _), made in zip(answered, outputs, strict=True)]
        parts = [*sifted.parts, *([number] for number in sifted.refused)]
        self._delivery.send_apart([outputs[number] for number in part] for part in parts)
        for opened, _ in answered:
            self._offsets.mark_answered(opened.message)
        self._sent, self._unsent = self._unsent, []
        self._commit_pending()

    def _is_open(self, opened: OpenMessage) -> bool:
        return opened in self._open.get(opened.message.partition() or 0, {})

    def _commit_pending(self) -> None:
        # What an aborted transaction held goes into the one that commits its offsets.
        self._send_answered()
        super()._commit_pending()
        self._close(opened for opened, _ in self._sent)
        self._sent.clear()

    def _rewind(self) -> None:
        """Nothing is read again: the outputs are known."""
        self._unsent = self._sent + self._unsent
        self._sent = []

    def _leave_after(self, error: CommitRefused) -> None:
        self._drop(list(self._open))
        super()._leave_after(error)

    def _finish(self) -> None:
        self._settle(list(self._open))
        super()._finish()

    def _let_go(self) -> None:
        # An answer that comes now must not commit those whose outputs went with the transaction.
        self._drop(list(self._open))
        super()._let_go()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._open |= {one.partition: {} for one in partitions}
        self._windows |= {one.partition: PartitionWindow(self._window) for one in partitions}
        # One that was paused when it was given up may still be: the next round resumes it.
        self._paused.update(one.partition for one in partitions)
        super()._on_assign(consumer, self._committed(consumer, partitions))
        for one in partitions:
            self._stall.note_paused(one.partition, True)

    def _committed(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """With the metadata of the last commit, where the group says it in time."""
        if not partitions or not self._is_member:  # a consumer that is closing gets no answer any more
            return partitions
        try:
            return list(consumer.committed(partitions, _PROMPTLY))
        except KafkaException as error:
            log.warning(
                "committed offsets can't be read, so messages that were answered may be answered again: "
                "role=%s: %s",
                self.role,
                error.args[0].str(),
            )
            return partitions

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        self._settle(numbers)
        super()._on_revoke(consumer, partitions)
        self._drop(numbers)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._drop([one.partition for one in partitions])
        super()._on_lost(consumer, partitions)

    def _settle(self, partitions: Iterable[int]) -> None:
        """Commit, withdraw what nobody works on, and wait for the rest.

        The wait may be longer than a transaction lives, so none is left open.
        """
        self._commit()
        begun = {one for number in partitions for one in self._open.get(number, ()) if one.withdraw()}
        until = time.monotonic() + self._drain
        while begun and not self._abandoned.is_set() and (left := until - time.monotonic()) > 0.0:
            try:
                answered = self._answered.get(timeout=min(left, _IDLE))
            except Empty:
                begun = {one for one in begun if one.is_in_work}
            else:
                self._unsent.append(answered)
                begun.discard(answered[0])
        if begun:
            log.warning(
                "work is not done in time, the next owner does it again: role=%s messages=%d",
                self.role,
                len(begun),
            )

    def _drop(self, partitions: Iterable[int]) -> None:
        """Forget the open messages of these partitions."""
        for number in partitions:
            opened = list(self._open.get(number, ()))
            for one in opened:
                one.withdraw()
            self._close(opened)
            self._open.pop(number, None)
            self._windows.pop(number, None)
            self._paused.discard(number)

    def _close(self, opened: Iterable[OpenMessage]) -> None:
        for one in opened:
            number = one.message.partition() or 0
            held = self._open.get(number, {})
            if one in held:
                del held[one]
                self._open_bytes -= _size(one.message)
                self._windows[number].remove(one)

    def _pause_and_resume(self) -> None:
        is_full = self._open_bytes >= self._window_bytes
        for number, opened in self._open.items():
            limit = self._window // 2 if number in self._paused else self._window
            window, place = self._windows[number], [TopicPartition(self.topic, number)]
            is_closed = is_full or len(opened) >= limit
            # What is recalled must be read all the same.
            is_closed |= len(window.parked) >= _MOST_PARKED and not window.recalled
            is_closed |= self._pauses_when_crowded and self._offsets.is_crowded(number)
            if is_closed and number not in self._paused:
                self._consumer.pause(place)
                self._paused.add(number)
                self._stall.note_paused(number, True)
            elif not is_closed and number in self._paused:
                self._consumer.resume(place)
                self._paused.discard(number)
                self._stall.note_paused(number, False)


def _size(message: Message) -> int:
    return len(message.value() or b"") + 1
