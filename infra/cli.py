"""Command line: the list of commands, and how they end.

Exit status 0 on success, 1 on a refusal or a finding, 2 on bad usage or input, 130 on Ctrl-C.

A command's module is imported when it is called, by `import_by_name` and nowhere else: all of them take
seconds and 250 MB, and `--help` needs none.
"""

import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from infra.extras import Extra, require_extra

_INTERRUPTED = 130


class _CommandEntry(NamedTuple):
    """A command's module in `infra.commands`, its line in `--help`, and the extra that it needs."""

    module: str
    summary: str
    extra: Extra | None = None


_COMMANDS = {
    "demo": _CommandEntry(
        "demo",
        "Run all roles with embedded Kafka and Redis, a simulated teacher and traffic, and watch.",
        "embedded",
    ),
    "up": _CommandEntry(
        "serve", "Run all roles in one process, on your own Kafka and Redis or on embedded ones.", "stream"
    ),
    "worker": _CommandEntry(
        "serve",
        "Run some roles in this process, on your own Kafka and Redis or on those of a running "
        "`understudy up`.",
        "stream",
    ),
    "gateway": _CommandEntry(
        "serve",
        "Answer requests over HTTP, on your own Kafka and Redis or on those of a running `understudy up`.",
        "stream",
    ),
    "ask": _CommandEntry("client", "Send one request and wait for its label.", "stream"),
    "produce": _CommandEntry("client", "Send requests from a file or a pipe.", "stream"),
    "seed": _CommandEntry("seed", "Write past calls of an LLM from a file to the topic of traces.", "stream"),
    "consume": _CommandEntry("client", "Print messages of a topic, a JSON object a line.", "stream"),
    "fit": _CommandEntry("fit", "Learn a policy from traces, and test it at the gate."),
    "predict": _CommandEntry(
        "predict",
        "Print a JSON object for each request: its id, row and text, and the policy's label for it.",
    ),
    "evaluate": _CommandEntry(
        "evaluate", "Measure coverage and agreement of a policy on rows with the teacher's labels."
    ),
    "report": _CommandEntry("report", "Print where the report of a policy is: a page to open in a browser."),
    "scan": _CommandEntry(
        "scan", "Estimate from past LLM calls what share a surrogate could answer, and what that saves."
    ),
    "probe": _CommandEntry(
        "probe", "Find the layer of an LLM that a probe reads best, and cut a checkpoint there.", "probe"
    ),
    "feedback": _CommandEntry(
        "feedback", "Give the right labels of requests, as people have found out.", "stream"
    ),
    "status": _CommandEntry(
        "status",
        "Show for every task what answers, its traffic and certificate, and what to do next.",
        "stream",
    ),
    "top": _CommandEntry(
        "status", "Show all tasks in one table, those that need a person first, until Ctrl-C.", "stream"
    ),
    "explain": _CommandEntry(
        "explain",
        "Show what became of one request, and why: label, score, threshold, version, audit and trace.",
        "stream",
    ),
    "certificate": _CommandEntry(
        "certificate",
        "Show what was certified of each version of a task, since when, and when it was lost.",
        "stream",
    ),
    "what-if": _CommandEntry(
        "what_if",
        "Estimate what other targets would bring: share answered, cost, audits and days until proven.",
        "stream",
    ),
    "doctor": _CommandEntry(
        "doctor",
        "Look at Kafka, Redis, settings, disk, LLMs and encoders behind an address, and say what to do.",
        "stream",
    ),
    "config": _CommandEntry("config", "Read and write the config topic.", "stream"),
    "topics": _CommandEntry("topics", "Make and describe the topics.", "stream"),
    "schemas": _CommandEntry(
        "schemas", "Write the contract for clients as files: JSON Schemas, AsyncAPI, OpenAPI."
    ),
    "policies": _CommandEntry("policies", "List policy versions, and move them.", "stream"),
    "battery": _CommandEntry(
        "battery", "Say what each version of a task must get right before it goes live.", "stream"
    ),
    "audit-pack": _CommandEntry(
        "audit_pack",
        "Write what a certificate rests on into one file, and recompute it from there.",
        "stream",
    ),
    "keys": _CommandEntry(
        "keys", "Make, list and revoke the keys with which apps call the gateway.", "stream"
    ),
    "encoders": _CommandEntry(
        "encoders",
        "List the encoders behind addresses that workers have met, and forget one that was changed.",
        "stream",
    ),
    "tasks": _CommandEntry(
        "tasks", "List and retire tasks, and make tasks of calls that name none.", "stream"
    ),
    "dead-letters": _CommandEntry(
        "dead_letters", "List what could not be processed, and send it again.", "stream"
    ),
    "forget": _CommandEntry(
        "forget",
        "Forget a request or a task: no refit uses its texts any more; says what is left and until when.",
        "stream",
    ),
    "bench": _CommandEntry("bench", "Measure; each figure has a reference from the same run.", "bench"),
}
"""The first sentence of each command's help; a test compares it with what the command's module says."""


class _LazyCommands(TyperGroup):
    """Lists commands from the table, and imports the module of the one that is called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {name: TyperCommand(name, help=entry.summary) for name, entry in _COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is called, with its own options; raises UsageError where there is none."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load_command(name), rest


def command_line() -> TyperGroup:
    """All commands as one; a command's module is imported when it is called."""
    line = typer.Typer(
        name="understudy",
        help="Stands in for your LLM classifier on Kafka, and proves how often it agrees with it.",
        cls=_LazyCommands,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    line.callback()(_common_options)
    group = typer.main.get_command(line)
    assert isinstance(group, TyperGroup)  # noqa: S101 - typer makes of a callback what `cls` says
    return group


def load_command(name: str) -> Any:
    """The command of that name, complete with options and help.

    Raises:
        MissingLibrary: a package that it needs is not installed.
    """
    entry = _COMMANDS[name]
    if entry.extra is not None:
        require_extra(name, entry.extra)
    commands = import_by_name(f"infra.commands.{entry.module}").commands
    commands.rich_markup_mode = None
    return typer.main.get_group(commands).commands[name]


def import_by_name(module: str) -> ModuleType:
    """The one place where a module is imported later than at the top of a file: see above."""
    return import_module(module)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"understudy {version('understudy')}")
        raise typer.Exit


def _common_options(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version),
    ] = False,
) -> None:
    """What comes before a command's name."""


def main() -> NoReturn:
    """Run the command that the arguments name; ends the process."""
    try:
        command_line()()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception as error:
        failure = import_by_name("infra.failures").failure_of(error)
        if failure is None:
            raise
        sys.stderr.write(import_by_name("schemas.secrets").masked(failure.message) + "\n")
        sys.exit(failure.status)
    sys.exit(0)


if __name__ == "__main__":
    main()
