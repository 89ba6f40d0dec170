"""status: each task's policy, traffic and certificate, and what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from infra.console.currency_option import Currency
from infra.console.examples import examples
from infra.console.output import AsJson, line, result
from infra.console.spending_lines import replies_sentence, spending_sentence
from infra.console.status_lines import backlog_sentence, oldest_sentences, task_lines, without_policy_lines
from infra.serve.accuracy import read_accuracy
from infra.serve.backlog import Backlog, read_backlog
from infra.serve.config_topic import read_overrides
from infra.serve.missing_policy import MissingPolicy, missing_policies
from infra.serve.servers import client_settings
from infra.serve.spending import DaySpending, read_spending
from infra.serve.status import task_statuses
from infra.serve.task_status import TaskStatus
from infra.serve.traffic import TaskTraffic, read_refusals, read_traffic
from models.money import CURRENCY
from schemas.config import EVERY_TASK, config_of
from streams.clock import unix_ms

commands = typer.Typer()


@commands.command(epilog=examples("status", "status --price-a-call 0.002", "status --json"))
def status(
    price_a_call: Annotated[
        float | None,
        typer.Option(
            metavar="PRICE", min=0.0, help="Price of one LLM call, in your currency, to show what is saved."
        ),
    ] = None,
    currency: Currency = CURRENCY,
    json: AsJson = False,
) -> None:
    """Show for every task what answers, its traffic and certificate, and what to do next."""
    settings = client_settings()
    overrides = read_overrides(settings)
    statuses = task_statuses(settings, overrides)
    traffic = read_traffic(settings, unix_ms())
    backlog = read_backlog(settings)
    missing = missing_policies({one.task for one in statuses}, overrides, traffic, read_refusals(settings))
    tasks = [one.task for one in statuses] + [one.task for one in missing]
    spending = read_spending(settings, tasks)
    accuracy = read_accuracy(settings, overrides)
    if json:
        result(_report(statuses, missing, traffic, backlog, spending) | {"accuracy": accuracy})
        return

    def today(task: str) -> str:
        return spending_sentence(spending[task], config_of(task, overrides).teacher.limits, currency)

    for one in statuses:
        delta = config_of(one.task, overrides).delta
        right, replies = accuracy.get(one.task), replies_sentence(spending[one.task])
        seen = traffic.get(one.task)
        _print(task_lines(one, seen, price_a_call, currency, delta, today(one.task), right, replies))
    for task in missing:
        lines = task.task, task.reason, traffic.get(task.task), task.next_step, today(task.task)
        replies = replies_sentence(spending[task.task])
        _print(without_policy_lines(*lines, accuracy.get(task.task), replies))
    if not statuses and not missing:
        line("no task yet: `understudy ask TEXT` sends a first request")
    total = config_of(EVERY_TASK, overrides).teacher.total_limits
    if total.is_limited or spending[EVERY_TASK].all_calls:
        line(f"today, all tasks: {spending_sentence(spending[EVERY_TASK], total, currency)}")
    line(backlog_sentence(backlog))
    for sentence in oldest_sentences(backlog, unix_ms()):
        line(sentence)


def _print(lines: Iterator[str]) -> None:
    for text in lines:
        line(text)


def _report(
    statuses: Sequence[TaskStatus],
    missing: Sequence[MissingPolicy],
    traffic: Mapping[str, TaskTraffic],
    backlog: Backlog,
    spending: Mapping[str, DaySpending],
) -> dict[str, Any]:
    return {
        "tasks": [asdict(one) | {"traffic": _traffic(traffic.get(one.task))} for one in statuses],
        "without_policy": [
            {"task": one.task, "reason": one.reason, "traffic": _traffic(traffic.get(one.task))}
            for one in missing
        ],
        "backlog": backlog,
        "today": {task: _today(spent) for task, spent in spending.items()},
    }


def _today(spent: DaySpending) -> dict[str, Any]:
    return asdict(spent) | {"saved_money": spent.saved_money}


def _traffic(traffic: TaskTraffic | None) -> dict[str, Any] | None:
    if traffic is None:
        return None
    return asdict(traffic) | {"rate": traffic.rate, "coverage": traffic.coverage}
