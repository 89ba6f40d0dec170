"""The command line: which commands there are, and how they end.

Exit status 0 on success, 1 on a refusal or a finding, 2 on bad usage or input.
"""

import sys
from typing import NoReturn

import typer

from infra.commands import bench, demo, learning, operators, serve, traffic
from infra.commands.output import note
from infra.commands.targets import ManyTargets
from infra.errors import InputError
from infra.local.errors import LocalServerError
from models.errors import ModelError
from schemas.errors import SchemaError
from streams.errors import InvalidSettings, StreamsError

app = typer.Typer(
    name="understudy",
    help="Stands in for your LLM classifier on Kafka, and proves how often it agrees with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(serve.up)
app.command()(serve.worker)
app.command()(traffic.ask)
app.command()(traffic.produce)
app.command()(traffic.consume)
app.command(cls=ManyTargets)(learning.fit)
app.command()(learning.predict)
app.command(cls=ManyTargets)(learning.evaluate)
app.command()(operators.status)
app.add_typer(bench.bench, name="bench")
app.add_typer(operators.config, name="config")
app.add_typer(operators.topics, name="topics")


def main() -> NoReturn:
    """Run the command that the arguments name; ends the process."""
    try:
        app()
    except InvalidSettings as error:
        note("\n".join(f"settings: {problem}" for problem in error.problems))
    except (SchemaError, ModelError, StreamsError, LocalServerError, InputError) as error:
        note(f"understudy: {error}")
    sys.exit(2)


if __name__ == "__main__":
    main()
