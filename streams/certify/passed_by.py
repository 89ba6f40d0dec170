"""Audits that the teacher has passed by: it has gone further, and no reply of it is still under way.

A missing reply alone says nothing: the teacher may be away, or `learn` may be. So three readers are followed,
each by the time of the oldest message that it has not read and committed:

    1. the teacher has read an audit: then its reply, if there is one, stands in `replies` by that time
    2. `learn` has read `replies` up to that time: then the outcome stands in `traces` or `audit-failures`
    3. `certify` has read both up to that time: then what still has no outcome was passed by

At each stage `GRACE` is left for clocks that differ and for a teacher that commits before it replies. One
look waits at each stage at a time, so the answer is up to a few minutes old. Times are Unix milliseconds.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from schemas.config import TeacherConfig

GRACE = 60_000

OldestUnread = Callable[[str, str], int | None]
"""Of a group and a topic: time of the oldest message that the group has not committed; None where none."""


class StageReached(NamedTuple):
    """Audits noted `until` some time, of which all was written at the time `at` to what is read next."""

    at: int
    until: int


class Progress(NamedTuple):
    """How far the readers are.

    Attributes:
        passed: audits noted until then were passed by if they have no outcome; 0 before the first answer.
        replied: waits for `learn`.
        recorded: waits for `certify`.
    """

    passed: int = 0
    replied: StageReached | None = None
    recorded: StageReached | None = None


def progress_after(
    before: Progress, now: int, teacher: int, learn: int, certify: int, grace: int = GRACE
) -> Progress:
    """The progress after a look.

    Args:
        teacher, learn, certify: time of the oldest message that each has not read; `now` where there is none.
    """
    passed, replied, recorded = before
    if recorded is not None and certify >= recorded.at + grace:
        passed, recorded = max(passed, recorded.until), None
    if recorded is None and replied is not None and learn >= replied.at + grace:
        recorded, replied = StageReached(now, replied.until), None
    if replied is None:
        replied = StageReached(now, teacher - grace)
    return Progress(passed, replied, recorded)


class Readers(NamedTuple):
    """Who reads what: pairs of a group and a topic.

    Attributes:
        teacher: of the built-in teacher.
        asked: topics that a teacher reads, for one of another group.
    """

    teacher: tuple[tuple[str, str], ...]
    asked: tuple[str, ...]
    learn: tuple[tuple[str, str], ...]
    certify: tuple[tuple[str, str], ...]


class PassedBy:
    """Follows the teachers of the tasks that are asked about.

    Args:
        oldest_unread: blocks; raises KafkaFailed.
        interval: seconds between two looks.
        grace: milliseconds, see above.
    """

    def __init__(
        self, oldest_unread: OldestUnread, readers: Readers, interval: float = 15.0, grace: int = GRACE
    ) -> None:
        self.interval = interval
        self._grace = grace
        self._oldest_unread = oldest_unread
        self._readers = readers
        self._progress: dict[str | None, Progress] = {}

    def until(self, teacher: TeacherConfig) -> int | None:
        """The time until which the teacher has passed by what was noted; None where its group is not known.

        0 until that is found out.
        """
        if teacher.group is None and not teacher.url:
            return None
        return self._progress.setdefault(teacher.group, Progress()).passed

    async def look(self, now: int) -> None:
        """Read how far all of them are.

        Raises:
            KafkaFailed: the broker does not say.
        """
        if not self._progress:
            return
        learn = await self._oldest(self._readers.learn, now)
        certify = await self._oldest(self._readers.certify, now)
        for group, before in list(self._progress.items()):
            readers = self._readers.teacher
            if group is not None:
                readers = tuple((group, topic) for topic in self._readers.asked)
            teacher = await self._oldest(readers, now)
            self._progress[group] = progress_after(before, now, teacher, learn, certify, self._grace)

    async def _oldest(self, readers: tuple[tuple[str, str], ...], now: int) -> int:
        found = [await asyncio.to_thread(self._oldest_unread, group, topic) for group, topic in readers]
        return min((at for at in found if at is not None), default=now)
