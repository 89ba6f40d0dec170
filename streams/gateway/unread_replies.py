"""Unread replies: tells when many of an LLM's newest replies to apps say no label, and when that is over.

No trace holds the requests of such replies, so the sample lacks them. Each gateway counts its own.
"""

from collections import deque
from collections.abc import Callable

from schemas.events import Event, RepliesReadableDetails, RepliesUnreadableDetails
from streams.clock import unix_ms

_NEWEST = 100
_FEWEST = 20
"""Replies of which anything can be said."""
_MANY, _FEW = 0.1, 0.02
_AGAIN = 3_600_000
"""Milliseconds between two events that say the same of a task."""
_MOST_TASKS = 10_000


class _TaskReplies:
    """Attributes:
    newest: whether each of the newest replies said a label.
    told_at: of the last event that said that many do not, Unix milliseconds.
    """

    def __init__(self) -> None:
        self.newest: deque[bool] = deque(maxlen=_NEWEST)
        self.told_at: int | None = None
        self.is_told = False

    @property
    def unread(self) -> int:
        return len(self.newest) - sum(self.newest)


class UnreadReplies:
    """Used on the event loop only.

    Args:
        publish: called with the events.
        now: Unix milliseconds.
    """

    def __init__(self, publish: Callable[[Event], None], now: Callable[[], int] = unix_ms) -> None:
        self._publish = publish
        self._now = now
        self._tasks: dict[str, _TaskReplies] = {}

    def note(self, task: str, *, was_read: bool) -> None:
        """Count a reply, and whether a label could be read out of it."""
        if task not in self._tasks and len(self._tasks) >= _MOST_TASKS:
            del self._tasks[next(iter(self._tasks))]
        replies = self._tasks.setdefault(task, _TaskReplies())
        replies.newest.append(was_read)
        unread, count = replies.unread, len(replies.newest)
        if count >= _FEWEST and unread >= _MANY * count:
            self._tell_of_many(task, replies)
        elif replies.is_told and unread <= _FEW * count:
            replies.is_told = False
            message = (
                f"{task}: all but {unread} of the LLM's newest {count} replies to apps say a label again"
            )
            self._publish(RepliesReadableDetails(unread, count).event(task, self._now(), message))

    def _tell_of_many(self, task: str, replies: _TaskReplies) -> None:
        now, unread, count = self._now(), replies.unread, len(replies.newest)
        if replies.told_at is not None and now - replies.told_at < _AGAIN:
            return
        replies.told_at, replies.is_told = now, True
        message = (
            f"{task}: {unread} of the LLM's newest {count} replies to apps say no label, and no trace holds "
            "their requests: set `chat.label` or `chat.field` (the gateway's log quotes some)"
        )
        self._publish(RepliesUnreadableDetails(unread, count).event(task, now, message))
