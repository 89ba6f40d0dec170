"""Reading history: until when a group has read a topic, by the looks at it.

What stands before the ends of the partitions has arrived before the look. So once the group is beyond those
ends, it has read everything up to that look. No time of a message counts: whoever sent it may have a clock
that is wrong.
"""

from collections import deque

from streams.kafka.backlog import GroupProgress

_MOST = 2_000
"""Looks that are remembered; of more, every second one is kept."""


class ReadingHistory:
    """The looks at one topic, oldest first, from the newest one on up to which everything is read."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, GroupProgress]] = deque()

    def read_until(self, at: float, found: GroupProgress) -> float | None:
        """The time of the newest look up to which everything is read; None where no look was so early.

        Args:
            at: when the look began that has found this; seconds, monotonic.
        """
        self._looks.append((at, found))
        if len(self._looks) > _MOST:
            self._looks = deque(list(self._looks)[::2])
        # The ends of a later look lie no earlier, so the looks that are passed come first.
        while len(self._looks) > 1 and _is_beyond(found, self._looks[1][1]):
            self._looks.popleft()
        time, look = self._looks[0]
        return time if _is_beyond(found, look) else None


def _is_beyond(found: GroupProgress, look: GroupProgress) -> bool:
    """Whether everything is read that was there at an earlier look."""
    return all(found.unread.get(partition, end) >= end for partition, end in look.ends.items())
