"""what-if: what other target agreements would bring to a task."""

from typing import Annotated

import typer

from infra.console.currency_option import Currency
from infra.console.examples import examples
from infra.console.output import AsJson, note, result
from infra.console.policy_options import TaskArgument
from infra.console.target_options import ManyTargets, Targets
from infra.console.what_if_table import print_what_if
from infra.serve.servers import client_settings
from infra.serve.what_if import read_what_if
from models.money import CURRENCY

commands = typer.Typer()

_TARGETS = [0.9, 0.93, 0.95, 0.97, 0.98, 0.99]


@commands.command(
    "what-if",
    cls=ManyTargets,
    epilog=examples("what-if shop", "what-if shop --target 0.97", "what-if shop --price-a-call 0.002 --json"),
)
def what_if(
    task: TaskArgument,
    target: Targets = _TARGETS,
    requests_a_day: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", min=1.0, help="Requests a day; by default as in the last minutes."),
    ] = None,
    price_a_call: Annotated[
        float | None,
        typer.Option(metavar="PRICE", min=0.0, help="Price of one LLM call; by default today's mean."),
    ] = None,
    currency: Currency = CURRENCY,
    json: AsJson = False,
) -> None:
    """Estimate what other targets would bring: share answered, cost, audits and days until proven.

    Changes nothing. Exit status 1: the task has no policy.
    """
    found = read_what_if(client_settings(), task, target, requests_a_day, price_a_call)
    if found is None:
        note(f"{task} has no policy yet")
        raise typer.Exit(1)
    result(found) if json else print_what_if(found, currency)
