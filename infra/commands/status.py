"""status: each task's policy, traffic and certificate, and what to do next; top: the same in a live table."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from msgspec import to_builtins
from rich.console import Group, RenderableType
from rich.text import Text

from infra.console.currency_option import Currency
from infra.console.examples import examples
from infra.console.known_task import check_known
from infra.console.output import AsJson, line, result
from infra.console.overview_lines import overview_lines
from infra.console.policy_options import task_name
from infra.console.redraw import View, redraw
from infra.console.top_table import top_table
from infra.serve.overview import Overview, read_overview
from infra.serve.servers import client_settings
from infra.serve.traffic import TaskTraffic
from models.money import CURRENCY
from schemas.secrets import masked
from streams.clock import unix_ms
from streams.spending.day_spending import DaySpending
from streams.status.sentences import age

commands = typer.Typer()

_OFTEN = 5.0
"""Seconds between two looks: each reads the newest labels and events."""


@commands.command(
    epilog=examples("status", "status tickets --price-a-call 0.002", "status --watch 5", "status --json")
)
def status(
    task: Annotated[
        str | None,
        typer.Argument(metavar="TASK", help="One task alone; by default all.", callback=task_name),
    ] = None,
    price_a_call: Annotated[
        float | None,
        typer.Option(
            metavar="PRICE", min=0.0, help="Price of one LLM call, in your currency, to show what is saved."
        ),
    ] = None,
    currency: Currency = CURRENCY,
    watch: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.5, help="Look again every so many seconds, until Ctrl-C."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Show for every task what answers, its traffic and certificate, and what to do next.

    The backlog is that of all tasks. Exit status 1: nobody knows the task.
    """
    if watch is not None and json:
        raise typer.BadParameter("is for people: call `status --json` again instead", param_hint="--watch")
    settings = client_settings()
    if task is not None:
        check_known(settings, task)
    if watch is not None:
        _redraw(
            watch,
            lambda: read_overview(settings, task),
            lambda overview: Group(
                *(Text(masked(text)) for text in overview_lines(overview, price_a_call, currency))
            ),
        )
        return
    overview = read_overview(settings, task)
    if json:
        result(_report(overview))
        return
    for text in overview_lines(overview, price_a_call, currency):
        line(text)


@commands.command(epilog=examples("top", "top --every 10"))
def top(
    every: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.5, help="Seconds between two looks.")
    ] = _OFTEN,
    currency: Currency = CURRENCY,
) -> None:
    """Show all tasks in one table, those that need a person first, until Ctrl-C."""
    settings = client_settings()
    _redraw(every, lambda: read_overview(settings), lambda overview: top_table(overview, currency))


def _redraw(every: float, read: Callable[[], Overview], draw: Callable[[Overview], RenderableType]) -> None:
    """Read and draw every few seconds, until Ctrl-C."""
    view = View(read)
    redraw(every, view.refresh, lambda: _with_problem(view, draw(view.shown)))


def _with_problem(view: View[Overview], shown: RenderableType) -> RenderableType:
    """What was read last, below why it is old, and how old it is."""
    if view.problem is None:
        return shown
    old = f"what follows is {age(max(0, unix_ms() - view.shown.at) / 1000)} old"
    return Group(Text(f"can't look: {masked(view.problem)}; {old}", "bold white on red"), shown)


def _report(overview: Overview) -> dict[str, Any]:
    def seen(task: str) -> dict[str, Any]:
        refit = overview.refits.get(task)
        return {
            "traffic": _traffic(overview.traffic.get(task)),
            "refit": None if refit is None else to_builtins(refit),
            "absent_encoders": [asdict(encoder) for encoder in overview.encoders[task]],
        }

    return {
        "tasks": [asdict(one) | seen(one.task) for one in overview.statuses],
        "without_policy": [
            {"task": one.task, "reason": one.reason} | seen(one.task) for one in overview.missing
        ],
        "backlog": overview.backlog,
        "today": {task: _today(spent) for task, spent in overview.spending.items()},
        "accuracy": overview.accuracy,
    }


def _today(spent: DaySpending) -> dict[str, Any]:
    return asdict(spent) | {"saved_money": spent.saved_money}


def _traffic(traffic: TaskTraffic | None) -> dict[str, Any] | None:
    if traffic is None:
        return None
    return asdict(traffic) | {"rate": traffic.rate, "coverage": traffic.coverage}
