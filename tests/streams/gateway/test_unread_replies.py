"""Operators hear of many replies without a label, seldom enough, and when that is over."""

from schemas.events import Event, EventKind
from streams.gateway.unread_replies import UnreadReplies

HOUR = 3_600_000


def test_many_unread_replies_are_told_once_an_hour_and_when_it_is_over() -> None:
    events: list[Event] = []
    now = 1
    replies = UnreadReplies(events.append, lambda: now)

    def note(count: int, *, was_read: bool) -> list[tuple[EventKind, int, int]]:
        events.clear()
        for _ in range(count):
            replies.note("t", was_read=was_read)
        return [(event.kind, event.details["unread"], event.details["replies"]) for event in events]

    assert note(18, was_read=True) == note(1, was_read=False) == [], "too few"
    assert note(1, was_read=False) == [(EventKind.REPLIES_UNREADABLE, 2, 20)]
    assert note(30, was_read=False) == [], "said"
    now += HOUR
    assert note(1, was_read=False) == [(EventKind.REPLIES_UNREADABLE, 33, 51)]
    assert note(97, was_read=True) == []
    assert note(1, was_read=True) == [(EventKind.REPLIES_READABLE, 2, 100)]
    assert note(50, was_read=False) == note(100, was_read=True) == [], "not again within the hour"


def test_tasks_are_counted_apart() -> None:
    events: list[Event] = []
    replies = UnreadReplies(events.append)
    for number in range(100):
        replies.note(f"t{number % 10}", was_read=False)
    assert events == []
