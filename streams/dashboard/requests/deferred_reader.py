"""Reads deferrals and dead letters for a look: the newest of all tasks, a bounded number, once for all.

Two topics are read when somebody asks, and not again for some seconds, whoever asks. Then what was read is
forgotten, since it holds texts.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import Message
from msgspec.structs import replace

from schemas.codec import DEFERRAL
from schemas.errors import InvalidMessage
from schemas.messages import Label
from streams.dashboard.requests.deferred import (
    DeferredRow,
    DeferredView,
    LetterRow,
    deferred_row,
    deferred_view,
    letter_row,
    with_label,
)
from streams.dead_letters.letters import letter_of, replayed_by
from streams.kafka.clients import open_peeker
from streams.kafka.message import as_bytes
from streams.kafka.newest_messages import newest_messages
from streams.privacy.forgotten import ForgottenRequests
from streams.settings import Settings

MOST_DEFERRALS = 1_000
MOST_LETTERS = 1_000
_MOST_BYTES = 32_000_000
_SECONDS = 5.0
_FRESH = 5.0
"""Seconds in which the topics are not read again."""


class _NewestDeferrals(NamedTuple):
    """Rows of all tasks."""

    deferrals: list[DeferredRow]
    letters: list[LetterRow]


class DeferredReader:
    """Args:
    forgotten: requests whose texts are shown to nobody.
    find_label: the label of a task's request, as far as this process has seen it.
    now: Unix milliseconds.
    """

    def __init__(
        self,
        settings: Settings,
        forgotten: ForgottenRequests,
        find_label: Callable[[str, str], Label | None],
        now: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._forgotten = forgotten
        self._find_label = find_label
        self._now = now
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._newest = _NewestDeferrals([], [])

    async def view(self, task: str, *, sees_all: bool, operates: bool) -> DeferredView:
        """The newest of one task. Raises KafkaFailed: the topics can't be read.

        Args:
            sees_all: the caller may know of letters that name no task.
            operates: the caller may read what others have sent, and send letters again.
        """
        newest = await self._read()
        deferrals = [
            with_label(row, self._find_label(row.task, row.id)) if row.task == task else row
            for row in newest.deferrals
            if not self._forgotten.covers(row.task, row.id, row.at)
        ]
        return deferred_view(
            task,
            self._now(),
            deferrals,
            newest.letters,
            sees_all=sees_all,
            operates=operates,
        )

    def forget(self) -> None:
        """Read again at the next look: something has changed."""
        self._read_at = float("-inf")

    async def _read(self) -> _NewestDeferrals:
        async with self._reading:
            if time.monotonic() - self._read_at >= _FRESH:
                self._newest = await asyncio.to_thread(_read_newest, self._settings)
                self._read_at = time.monotonic()
                asyncio.get_running_loop().call_later(_FRESH, self._drop, self._newest)
            return self._newest

    def _drop(self, read: _NewestDeferrals) -> None:
        """Forget what was read, unless that was read again since."""
        if self._newest is read:
            self.forget()
            self._newest = _NewestDeferrals([], [])


def _read_newest(settings: Settings) -> _NewestDeferrals:
    topics, deferrals, letters, replayed = settings.topics, [], [], set()
    for message in _newest(settings, topics.deferrals, MOST_DEFERRALS):
        try:
            row = deferred_row(DEFERRAL.decode(as_bytes(message.value())))
        except InvalidMessage:
            continue
        if row is not None:
            deferrals.append(row)
    found = []
    for message in _newest(settings, topics.dead_letters, MOST_LETTERS):
        mark = replayed_by(message)
        if mark is None:
            found.append(letter_row(letter_of(message), replayed=False))
        else:
            replayed.add(str(mark))
    letters = [replace(row, replayed=row.position in replayed) for row in found]
    return _NewestDeferrals(deferrals, letters)


def _newest(settings: Settings, topic: str, most: int) -> list[Message]:
    return newest_messages(lambda: open_peeker(settings), topic, most, _MOST_BYTES, _SECONDS)
