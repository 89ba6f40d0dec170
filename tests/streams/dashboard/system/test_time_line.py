"""The time line folds what is routine, and nothing that a person should see."""

from schemas.events import Event, EventKind, RefitDetails, RefusedDetails, TaskRetiredDetails, TrialDetails
from streams.dashboard.system.recent_events import EventLine, RecentEvents, event_line
from streams.dashboard.system.time_line import MOST_ROWS, EventFilter, folded_rows, time_line
from tests.streams.dashboard.scripted import BEGAN


def refit(number: int, at: int, task: str = "a") -> list[EventLine]:
    """A refit that ends with a refusal."""
    version = f"v{number}"
    began = RefitDetails(version, 900, 1).event(task, at, f"{task}: fitting {version} on 900 traces")
    ended = RefusedDetails(version, ("no target passes",)).event(
        task, at + 1, f"{task}: {version} is refused"
    )
    return [event_line(began), event_line(ended)]


def alarm(at: int, task: str = "a") -> EventLine:
    return EventLine(at, task, EventKind.ALARM, "agreement fell")


def test_refits_that_changed_nothing_are_one_line() -> None:
    lines = [line for number in range(14) for line in refit(number, BEGAN + 10 * number)]
    [row] = folded_rows([*lines[:9], alarm(BEGAN + 45, "b"), *lines[9:]])[1:]
    assert (row.many, row.since, row.at) == (28, BEGAN, BEGAN + 131)
    assert row.text == "14 refits that changed nothing; the last: v13 is refused"


def test_an_alarm_between_refits_parts_them() -> None:
    before, after = refit(1, BEGAN) + refit(2, BEGAN + 10), refit(3, BEGAN + 30) + refit(4, BEGAN + 40)
    rows = folded_rows([*before, alarm(BEGAN + 20), *after])
    assert [(row.kind, row.many) for row in rows] == [
        (EventKind.REFUSED, 4),
        (EventKind.ALARM, 1),
        (EventKind.REFUSED, 4),
    ]


def test_what_came_of_a_trial_and_a_fit_under_way_stay_lines_of_their_own() -> None:
    trial = event_line(TrialDetails("v2", "canary", 0.1, 90).event("a", BEGAN + 15, "a: v2 is tried"))
    running = refit(4, BEGAN + 50)[:1]
    lines = [*refit(1, BEGAN), refit(2, BEGAN + 10)[0], trial, refit(2, BEGAN + 19)[1], *refit(3, BEGAN + 30)]
    rows = folded_rows([*lines, *running])
    assert all(row.many == 1 for row in rows)
    assert len(rows) == 8


def test_what_is_said_again_and_again_is_one_line() -> None:
    said = [EventLine(BEGAN + at, "a", EventKind.BACKLOG_AT_RISK, "it waits") for at in range(3)]
    [row] = folded_rows(said)
    assert (row.many, row.tone, row.text) == (3, "bad", "it waits")
    by_persons = [EventLine(BEGAN, "a", EventKind.PINNED, "pinned", by=who) for who in ("ann", "bob")]
    assert [row.by for row in folded_rows(by_persons)] == ["ann", "bob"]


def test_a_key_sees_events_of_its_tasks_alone() -> None:
    lines = [
        alarm(BEGAN, "a"),
        alarm(BEGAN + 1, "b"),
        EventLine(BEGAN + 2, "*", EventKind.TASKS_CAPPED, "full"),
    ]
    view = time_line(lines, EventFilter(frozenset({"a"})), BEGAN)
    assert ([row.task for row in view.rows], view.kinds, view.tasks) == (["a"], {"alarm": 1}, ["a"])
    everything = time_line(lines, EventFilter(), BEGAN)
    assert [row.task for row in everything.rows] == ["*", "b", "a"]
    assert time_line(lines, EventFilter(task="b", kind="alarm"), BEGAN).rows[0].at == BEGAN + 1
    assert time_line(lines, EventFilter(task="b", kind="refit"), BEGAN).rows == []


def test_what_is_left_out_is_counted() -> None:
    lines = [EventLine(BEGAN + at, "a", EventKind.ALARM, f"alarm {at}") for at in range(MOST_ROWS + 7)]
    view = time_line(lines, EventFilter(), BEGAN)
    assert (len(view.rows), view.more, view.oldest) == (MOST_ROWS, 7, BEGAN)


def test_memory_is_bounded_and_in_order_of_time() -> None:
    events = RecentEvents(kept=3)
    events.note([Event(EventKind.ALARM, "a", at, f"a: {at}") for at in (3, 1)])
    events.note([Event(EventKind.ALARM, "a", 2, "a: 2")])
    assert [line.at for line in events.lines()] == [1, 2, 3]
    events.note([Event(EventKind.ALARM, "a", 4, "a: 4")])
    assert ([line.text for line in events.lines()], events.noted) == (["2", "3", "4"], 4)


def test_a_line_says_who_and_which_version() -> None:
    retired = TaskRetiredDetails("ann", "moved", 3).event("a", BEGAN, "task a is retired by ann: moved")
    assert event_line(retired).by == "ann"
    moved = {"version": "v2", "moves": [{"by": "trainer"}, {"by": "bob"}]}
    promoted = event_line(Event(EventKind.PROMOTED, "a", BEGAN, "a: v2 goes live " + "x" * 900, moved))
    assert (promoted.by, promoted.version, len(promoted.text)) == ("bob", "v2", 601)
