"""The table of `top`: what needs a person stands first, and its words are those of the serving state."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from infra.console.top_table import top_table
from infra.serve.backlog import Backlog
from infra.serve.missing_policy import MissingPolicy
from infra.serve.overview import Overview
from infra.serve.traffic import TaskTraffic
from streams.spending.day_spending import CallSpending, DaySpending
from streams.status.task_status import TaskStatus
from tests.streams.status.statuses import STATUS

NONE = CallSpending(0, 0, 0.0)
SPENT = DaySpending(dict.fromkeys(("requests", "audits", "repeats"), NONE), 12, 900, 40, 0, 0.0, 1.25)


def shown(*statuses: TaskStatus) -> list[str]:
    overview = Overview(
        at=0,
        statuses=list(statuses),
        missing=[MissingPolicy("young", "traces are collected", "wait")],
        overrides={},
        traffic={"shop": TaskTraffic(60.0, 120, 90, 2, 0)},
        backlog=Backlog(3, 4),
        spending={one.task: SPENT for one in statuses},
        accuracy={},
        refits={},
        encoders={},
    )
    console = Console(file=StringIO(), width=150)
    console.print(top_table(overview, "$"))
    return str(console.file.getvalue()).splitlines()  # type: ignore[attr-defined]


def test_a_row_says_what_is_claimed_and_what_is_proven() -> None:
    row = next(line for line in shown(STATUS) if line.startswith("shop"))
    assert row.split()[:5] == ["shop", "v7", "certified", "75%", "2"]
    assert row.split()[5:] == ["95.3%", "90.0%", "390", "of", "400", "0%", "$1.25"]


def test_what_needs_a_person_stands_first() -> None:
    stopped = replace(STATUS, task="stopped", breaker="alarm")
    young = replace(STATUS, task="aging", certified=False)
    lines = shown(STATUS, young, stopped)
    assert [line.split()[0] for line in lines[1:5]] == ["stopped", "aging", "shop", "young"]
    assert "no policy yet" in lines[4]
    assert "young: traces are collected" in lines
    assert "3 requests wait for `route`, 4 deferrals" in " ".join(lines)
