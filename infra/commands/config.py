"""config: read and change what operators tune, on the config topic."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from infra.console.config_fields import check_override, fields_help, parse_assignments
from infra.console.examples import examples
from infra.console.masked_fields import refuse_masked
from infra.console.output import note, result
from infra.console.policy_options import TaskOrAll
from infra.serve.config_effects import changed_fields, coverage_effects, live_manifests, lost_guarantees
from infra.serve.config_topic import read_overrides
from infra.serve.servers import client_settings
from infra.serve.topic_client import write_messages
from schemas.config import EVERY_TASK, NOTHING, Override, config_of
from schemas.errors import InvalidConfig
from streams.errors import StateUnavailable
from streams.kafka.batch import Outgoing
from streams.settings import Settings
from streams.teacher.key_variables import key_problem

commands = typer.Typer()

config = typer.Typer(help="Read and write the config topic.", epilog=fields_help(), no_args_is_help=True)
commands.add_typer(config, name="config")


@config.command("get", epilog=examples("config get shop", "config get"))
def config_get(task: TaskOrAll = EVERY_TASK) -> None:
    """Print the config of a task as it is in force, as JSON."""
    overrides = read_overrides(client_settings())
    result(config_of(task, overrides))


@config.command(
    "set",
    epilog=examples(
        "config set shop target_agreement=0.95 teacher.model=small",
        "config set shop teacher.labels=track,refund,address",
        "config set shop teacher.labels=@labels.txt teacher.prompt=@prompt.txt",
        "config set shop threshold=null",
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
) -> None:
    """Change fields of a task's config; the others stay as they were set.

    Prints the fields that are set for the task as JSON, and on standard error what that changes.
    """
    settings = client_settings()
    before = read_overrides(settings)
    fields = parse_assignments(assignments)
    override = _merge_fields(before.get(task, NOTHING), fields)
    raw = check_override(override, task)
    refuse_masked(fields, before)
    if (problem := key_problem(fields, settings.key_env)) is not None:
        raise InvalidConfig([problem])
    write_messages(settings, [Outgoing(settings.topics.config, task.encode(), raw)])
    result(override)
    _print_effects(settings, task, before, {**before, task: override})


def _merge_fields(before: Override, fields: Override) -> dict[str, Any]:
    """The fields of both; a null stays, since it puts back a default that `*` may have changed."""
    both = {name: (before.get(name), value) for name, value in fields.items()}
    return {**before} | {
        name: _merge_fields(was, value) if isinstance(was, Mapping) and isinstance(value, Mapping) else value
        for name, (was, value) in both.items()
    }


def _print_effects(
    settings: Settings, task: str, before: Mapping[str, Override], after: Mapping[str, Override]
) -> None:
    changes = changed_fields(config_of(task, before), config_of(task, after))
    for change in changes or ["nothing changes"]:
        note(change)
    try:
        for sentence in coverage_effects(live_manifests(settings, task), before, after):
            note(sentence)
    except StateUnavailable as error:
        note(f"which share of the requests is answered now is not known: {error}")
    known = set(lost_guarantees(config_of(task, before)))
    for sentence in lost_guarantees(config_of(task, after)):
        note(f"{'still: ' if sentence in known else 'warning: '}{sentence}")
