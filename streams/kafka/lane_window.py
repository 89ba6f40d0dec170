"""Window of a lane's partition: the messages in hand, shared among tasks, and those that are parked.

Messages wait for the endpoints of their tasks, and one that hangs must not take all of the window. So once
three quarters are taken, the tasks that hold most make room until half is free: each keeps as much as any
other, or less if it wants less (max-min fairness; to push out of the longest queue keeps a shared buffer open
for all, B. Suter et al., INFOCOM 1998). The newest of a task make room first; the oldest stays.

What must make room is moved to another topic, or parked: the lane keeps its place alone, and reads it again
once its task has room, or its time to give up has come.
"""

import math
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from streams.kafka.open_message import OpenMessage

_MOST_RECALLED = 2_000
_LEAVE_AGAIN = 60_000
"""Milliseconds until what has come since may leave a crowded partition, too."""


class WindowClaim(NamedTuple):
    """What a message asks of the window.

    Attributes:
        task: whose share it takes.
        until: Unix milliseconds from which on it is given up, and makes no room any more.
        may_move: whether it may be moved to another topic.
    """

    task: str
    until: int
    may_move: bool = True


class Held(NamedTuple):
    """A message's claim, and how much of the window it takes, >= 1."""

    claim: WindowClaim
    weight: int


class PartitionWindow:
    """Counts what is in hand of one partition. Used on the lane's thread only.

    Args:
        size: weight that it holds.

    Attributes:
        parked: by offset.
        recalled: offsets of parked messages that are being read again, ascending.
        leaving: those of them that are to be moved, whether or not there is room.
        end: offset after the newest message that was read.
        is_behind: what is read now may have been read before.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._counted: dict[OpenMessage, tuple[WindowClaim | None, int]] = {}
        self._held: dict[str, dict[OpenMessage, None]] = {}
        self._weights: dict[str, int] = {}
        self._unclaimed = 0
        self.parked: dict[int, Held] = {}
        self.recalled: deque[int] = deque()
        self.leaving: set[int] = set()
        self.end = 0
        self._leave_before = self._leave_again_at = 0
        self.is_behind = False

    def add(self, opened: OpenMessage, claim: WindowClaim | None, weight: int) -> None:
        """Count a message; one without a claim takes room too, and never makes any."""
        self._counted[opened] = claim, weight
        if claim is None:
            self._unclaimed += weight
        else:
            self._held.setdefault(claim.task, {})[opened] = None
            self._weights[claim.task] = self._weights.get(claim.task, 0) + weight

    def remove(self, opened: OpenMessage) -> None:
        """Count it no more; nothing where it is not counted."""
        claim, weight = self._counted.pop(opened, (None, 0))
        if claim is None:
            self._unclaimed -= weight
            return
        del self._held[claim.task][opened]
        self._weights[claim.task] -= weight
        if not self._held[claim.task]:
            del self._held[claim.task], self._weights[claim.task]

    def surplus(self) -> list[tuple[OpenMessage, Held]]:
        """Messages that must make room: they are retracted and counted no more."""
        if 4 * (self._unclaimed + sum(self._weights.values())) <= 3 * self._size:
            return []
        level = fair_level(self._weights.values(), self._room())
        over = {task: weight - level for task, weight in self._weights.items() if weight > level}
        return [found for task, excess in over.items() for found in self._retracted(task, excess)]

    def park(self, opened: OpenMessage, held: Held) -> None:
        """Keep only its place."""
        self.parked[opened.message.offset() or 0] = held

    def was_read(self, offset: int) -> bool:
        """Whether the message is only on the way to what was recalled, or from there back to the end."""
        self.is_behind = self.is_behind and offset < self.end
        return self.is_behind

    def note_new(self, offset: int) -> None:
        """A message was read that nobody had read before."""
        if offset < self.end:  # the log was begun anew: what was parked is not in it
            self.parked.clear()
            self.recalled.clear()
        self.end = offset + 1

    def plan_recall(self, now: int, is_crowded: bool) -> None:
        """Choose what is to be read again: for tasks that hold less than half of what they may, and what is
        given up.

        Args:
            now: Unix milliseconds.
            is_crowded: the oldest parked messages must leave the partition, so that its offset can go on.
        """
        wanted = dict(self._weights)
        for held in self.parked.values():
            wanted[held.claim.task] = wanted.get(held.claim.task, 0) + held.weight
        level = fair_level(wanted.values(), self._room())
        room = {task: self._allowance(task, min(level, weight)) for task, weight in wanted.items()}
        # What is in hand may crowd it alone, so what has moved to the end does not move on at once.
        if is_crowded and now >= self._leave_again_at:
            self._leave_before, self._leave_again_at = self.end, now + _LEAVE_AGAIN
        chosen, leaving = [], []
        for offset in sorted(self.parked):
            claim, weight = self.parked[offset]
            if claim.until <= now or room[claim.task] > 0.0:
                room[claim.task] -= weight
                chosen.append(offset)
            elif is_crowded and offset < self._leave_before:
                leaving.append(offset)
        self.leaving = set(leaving[:_MOST_RECALLED])
        self.recalled = deque(sorted([*chosen[:_MOST_RECALLED], *self.leaving]))

    def take_back(self, offset: int) -> bool:
        """Whether a message that was read is the next of those that were recalled; it is parked no more."""
        if not self.recalled or self.recalled[0] != offset:
            return False
        self.recalled.popleft()
        return self.parked.pop(offset, None) is not None

    def is_passed_by(self, offset: int) -> bool:
        """Whether a later message was read than the next of those that were recalled."""
        return bool(self.recalled) and self.recalled[0] < offset

    def drop_before(self, oldest: int) -> list[int]:
        """Recall nothing for now, and let go of what is older than the oldest message that there is.

        Returns:
            Offsets of what it lets go of.
        """
        self.recalled.clear()
        gone = [offset for offset in self.parked if offset < oldest]
        for offset in gone:
            del self.parked[offset]
        return gone

    def _room(self) -> int:
        return self._size // 2 - self._unclaimed

    def _allowance(self, task: str, most: float) -> float:
        held = self._weights.get(task, 0)
        return most - held if 2 * held < most else 0.0

    def _retracted(self, task: str, excess: float) -> list[tuple[OpenMessage, Held]]:
        found, oldest = [], next(iter(self._held[task]))
        for opened in reversed(self._held[task]):
            # Else messages that are larger than the shares would be parked and recalled for ever.
            if excess <= 0 or opened is oldest:
                break
            claim, weight = self._counted[opened]
            if claim is not None and opened.retract():
                found.append((opened, Held(claim, weight)))
                excess -= weight
        for opened, _ in found:
            self.remove(opened)
        return found


def fair_level(wanted: Iterable[int], room: float) -> float:
    """The most that each may have, so that all fit into the room and nobody has less for another's sake who
    has more; infinite where all that is wanted fits.

    Args:
        wanted: by each, > 0.
    """
    left, ordered = max(room, 0), sorted(wanted)
    for number, want in enumerate(ordered):
        level = left / (len(ordered) - number)
        if want > level:
            return level
        left -= want
    return math.inf
