"""The command line: which commands there are, and how they end.

Exit status 0 on success, 1 on a refusal or a finding, 2 on bad usage or input.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import typer

from infra.console.output import note
from infra.errors import InputError
from infra.local.errors import LocalServerError
from models.errors import ModelError
from schemas.errors import SchemaError
from streams.errors import InvalidSettings, StreamsError, TransitionRefused

_COMMANDS = {
    "demo": "demo",
    "up": "serve",
    "worker": "serve",
    "ask": "client",
    "produce": "client",
    "consume": "client",
    "fit": "fit",
    "predict": "predict",
    "evaluate": "evaluate",
    "report": "report",
    "scan": "scan",
    "status": "status",
    "config": "config",
    "topics": "topics",
    "policies": "policies",
    "bench": "bench",
}
"""Each command's module in `infra.commands`. Loading all of them takes seconds, and one command needs one."""


def command_line(words: Sequence[str]) -> typer.Typer:
    """The command that the words begin with, or all of them where that is none."""
    line = typer.Typer(
        name="understudy",
        help="Stands in for your LLM classifier on Kafka, and proves how often it agrees with it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    line.callback()(_keep_names)
    named = _COMMANDS.get(words[0]) if words else None
    for module in [named] if named else dict.fromkeys(_COMMANDS.values()):
        line.add_typer(import_module(f"infra.commands.{module}").commands)
    return line


def _keep_names() -> None:
    """With a callback, typer asks for the command's name even where it has only one."""


def main() -> NoReturn:
    """Run the command that the arguments name; ends the process."""
    try:
        command_line(sys.argv[1:])()
    except InvalidSettings as error:
        note("\n".join(f"settings: {problem}" for problem in error.problems))
    except TransitionRefused as error:
        note(f"understudy: refused: {error}")
        sys.exit(1)
    except (SchemaError, ModelError, StreamsError, LocalServerError, InputError) as error:
        note(f"understudy: {error}")
    sys.exit(2)


if __name__ == "__main__":
    main()
