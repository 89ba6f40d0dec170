"""config: read and change what operators tune, on the config topic."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from infra.console.config_fields import check_override, fields_help, parse_assignments
from infra.console.examples import examples
from infra.console.known_task import check_known
from infra.console.output import note, result
from infra.console.policy_options import TaskOrAll, printable_text
from infra.serve.config_topic import read_overrides, write_config
from infra.serve.registry_access import live_manifests
from infra.serve.servers import ask_redis, client_settings
from schemas.config import EVERY_TASK, Override, config_of
from schemas.operator_change import OperatorChange
from schemas.version_events import OPERATOR
from streams.changes.author import ChangeAuthor
from streams.changes.config_change import ConfigChange, config_change, config_outputs, made_change
from streams.changes.config_effects import answer_effects, guarantee_warnings
from streams.clock import unix_ms
from streams.errors import StateUnavailable
from streams.kafka.batch import Outgoing
from streams.settings import Settings
from streams.state.operator_changes import OperatorChangeLog

commands = typer.Typer()

BY_HAND = "an operator's choice"

config = typer.Typer(help="Read and write the config topic.", epilog=fields_help(), no_args_is_help=True)
commands.add_typer(config, name="config")


@config.command("get", epilog=examples("config get shop", "config get"))
def config_get(task: TaskOrAll = EVERY_TASK) -> None:
    """Print the config of a task as it is in force, as JSON.

    Exit status 1: nobody knows the task.
    """
    settings = client_settings()
    overrides = read_overrides(settings)
    if task != EVERY_TASK and not overrides.get(task):
        check_known(settings, task)
    result(config_of(task, overrides))


@config.command(
    "set",
    epilog=examples(
        "config set shop target_agreement=0.95 teacher.model=small",
        "config set shop teacher.labels=track,refund,address",
        "config set shop teacher.labels=@labels.txt teacher.prompt=@prompt.txt",
        "config set shop threshold=null --reason 'the gate knows better'",
        "config --help    # lists the fields",
    ),
)
def config_set(
    task: TaskOrAll,
    assignments: Annotated[
        list[str],
        typer.Argument(
            metavar="FIELD=VALUE...",
            help="A list is `a,b` or `@FILE` with an entry a line; a text may be `@FILE` too; null puts the "
            "default back.",
        ),
    ],
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="TEXT", help="Why; kept and shown in its event.", callback=printable_text
        ),
    ] = BY_HAND,
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who decides.", callback=printable_text)
    ] = OPERATOR,
) -> None:
    """Change fields of a task's config; the others stay as they were set.

    Prints the fields that are set for the task as JSON, and on standard error what that changes.
    """
    settings, fields = client_settings(), parse_assignments(assignments)
    author = ChangeAuthor(by, reason, unix_ms())
    decided: list[ConfigChange] = []

    def decide(overrides: Mapping[str, Override]) -> Sequence[Outgoing]:
        decided.append(config_change(task, fields, overrides, settings.key_env, check=check_override))
        return config_outputs(decided[-1], author, settings.topics)

    write_config(settings, decide)
    change = decided[-1]
    result(change.override)
    _print_effects(settings, change)
    if change.diff:
        _keep(settings, task, made_change(change, author))


def _print_effects(settings: Settings, change: ConfigChange) -> None:
    for one in change.diff:
        note(f"{one.name}: {one.before} -> {one.after}")
    if not change.diff:
        note("nothing changes")
    try:
        for sentence in answer_effects(live_manifests(settings, change.task), change.before, change.after):
            note(sentence)
    except StateUnavailable as error:
        note(f"which share of the requests is answered now is not known: {error}")
    before, after = (config_of(change.task, overrides) for overrides in (change.before, change.after))
    for sentence in guarantee_warnings(before, after):
        note(sentence)


def _keep(settings: Settings, task: str, made: OperatorChange) -> None:
    """Note the change where the dashboard lists them."""
    try:
        ask_redis(settings, OperatorChangeLog, lambda changes: changes.add(task, made))
    except StateUnavailable as error:
        note(f"the change is made, and is not in the dashboard's list of changes: {error}")
