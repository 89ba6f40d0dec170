"""The system's view says what is wrong and what to do, and shows a key nothing of other tasks."""

from collections.abc import Sequence
from typing import Any

import pytest

from streams.dashboard.system.system_view import (
    OldestQuestion,
    RefitRow,
    SpendingRow,
    SystemView,
    endpoint_rows,
    in_view,
    lane_row,
    refit_rows,
    role_row,
    shown_spending,
    trainer_counts,
    worker_rows,
)
from streams.kafka.backlog import UnreadRange
from streams.kafka.group_states import DescribedMember, GroupState
from streams.state.refit_queue import RefitRequest
from streams.state.workers import EndpointReport, HeardWorker, WorkerReport
from streams.status.finding import Level

NOW = 1_790_000_000_000
COMMAND = "understudy worker route"
ONE = (DescribedMember("10.0.0.1", (0, 1)),)


def group(members: Sequence[DescribedMember] | None = ONE, *lags: int, **changes: Any) -> GroupState:
    unread = [UnreadRange(number, 5, 5 + lag) for number, lag in enumerate(lags or (0, 0))]
    known = None if members is None else tuple(members)
    fields = {"role": "route", "topic": "u.requests", "partitions": 2, "committed": 2}
    return GroupState(**{**fields, "members": known, "unread": unread, **changes})


def heard(name: str, age: float = 1.0, problems: tuple[str, ...] = (), *endpoints: bool) -> HeardWorker:
    called = tuple(EndpointReport("https://llm/v1", "m", is_open) for is_open in endpoints)
    return HeardWorker(WorkerReport(name, "host-7", ("route",), NOW - 9_000, problems, called), age)


@pytest.mark.parametrize(
    ("state", "needed", "level", "said"),
    [
        (group(), True, Level.OK, ""),
        (group(()), True, Level.WARNING, f"nobody reads it: start `{COMMAND}`"),
        (group((), committed=0), True, Level.WARNING, "nobody ever has"),
        (group(()), False, Level.OK, "nothing waits"),
        (group((), 900, 0), False, Level.PROBLEM, f"900 messages wait: start `{COMMAND}`"),
        (
            group((DescribedMember("h", (0,)),)),
            True,
            Level.WARNING,
            "without a reader yet: 1 partition: it",
        ),
        (group(partitions=0), True, Level.PROBLEM, "`understudy topics create`"),
        (group(None), True, Level.OK, "does not say"),
    ],
)
def test_a_role_without_readers_says_what_to_start(
    state: GroupState, needed: bool, level: Level, said: str
) -> None:
    row = role_row(state, COMMAND, marks=True, needed=needed)
    assert (row.level, said in row.text) == (level, True)


def test_the_mark_of_a_transaction_is_no_message() -> None:
    assert role_row(group(ONE, 1, 3), COMMAND, marks=True, needed=True).lags == [0, 3]
    assert role_row(group(ONE, 1, 3), COMMAND, marks=False, needed=True).lag == 4


def test_a_worker_that_says_nothing_comes_first_in_red() -> None:
    rows = worker_rows(
        [heard("a"), heard("b", problems=("route has not joined its group",)), heard("c", 90.0)]
    )
    assert [(row.name, row.level) for row in rows] == [
        ("c", Level.PROBLEM),
        ("b", Level.WARNING),
        ("a", Level.OK),
    ]
    assert "has said nothing for 1 min 30 s" in rows[0].text


@pytest.mark.parametrize(
    ("waited", "level"), [(5, Level.OK), (90, Level.WARNING), (1_799, Level.WARNING), (1_800, Level.PROBLEM)]
)
def test_a_lane_is_red_once_half_of_its_time_is_over(waited: int, level: Level) -> None:
    row = lane_row("deferrals", 3, OldestQuestion("a", NOW - 1_000 * waited, 3_600_000), NOW)
    assert (row.level, row.task) == (level, "a")
    assert lane_row("audits", 0, None, NOW).text == "nothing waits"


def test_a_refit_that_nobody_can_do_is_red() -> None:
    asked = [
        RefitRequest(task, str(1_000 * (NOW - ago)), 0, "drift")
        for task, ago in (("led", 5_000), ("late", 3_600_000), ("lone", 5_000))
    ]
    rows = refit_rows(asked, {"led": "host.1", "late": "host.1"}, NOW)
    assert [(row.task, row.level) for row in rows] == [
        ("lone", Level.PROBLEM),
        ("late", Level.WARNING),
        ("led", Level.OK),
    ]
    assert trainer_counts({"led": "host.1", "late": "host.1"}) == [("host.1", 2)]


def test_an_endpoint_is_red_where_nobody_calls_it() -> None:
    assert endpoint_rows([heard("a", 1.0, (), True), heard("b", 1.0, (), True)])[0].level is Level.PROBLEM
    [row] = endpoint_rows(
        [heard("a", 1.0, (), True), heard("b", 1.0, (), False), heard("gone", 99.0, (), True)]
    )
    assert (row.level, row.callers, row.open) == (Level.WARNING, 2, 1)


def test_spending_near_a_limit_comes_first_after_the_sum() -> None:
    rows = [
        SpendingRow("idle", 0, 0, 0.0, None),
        SpendingRow("dear", 9, 9, 80.0, None),
        SpendingRow("near", 9, 9, 1.0, 0.9),
        SpendingRow("*", 18, 18, 81.0, None),
    ]
    assert [row.task for row in shown_spending(rows)] == ["*", "near", "dear"]


def test_a_key_is_shown_nothing_of_other_tasks_and_no_hosts() -> None:
    refits = [RefitRow(task, NOW, False, "drift", "host-7.1", Level.OK, "") for task in ("a", "b")]
    spending = [SpendingRow(task, 1, 1, 1.0, None) for task in ("*", "a", "b")]
    lanes = [lane_row(task, 1, OldestQuestion(task, NOW, 1), NOW) for task in ("a", "b")]
    workers, endpoints = worker_rows([heard("host-7.1")]), endpoint_rows([heard("x", 1.0, (), True)])
    view = SystemView(NOW, [], workers, [], lanes, refits, [("host-7.1", 2)], endpoints, spending, NOW)
    shown = in_view(view, frozenset({"a"}))
    assert [row.task for row in shown.refits] == [row.task for row in shown.spending] == ["a"]
    assert [row.task for row in shown.lanes] == ["a", None]
    assert "host-7" not in str(shown)
    assert in_view(view, None) is view
