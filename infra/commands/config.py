"""config: read and change what operators tune, on the config topic."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import typer

from infra.console.output import result
from infra.serve.config_topic import read_overrides
from infra.serve.servers import client_settings
from infra.serve.topic_client import write_messages
from schemas.config import EVERY_TASK, NOTHING, Override, config_of, task_of
from streams.kafka.batch import Outgoing
from streams.roles.config import parse_message

commands = typer.Typer()

config = typer.Typer(help="Read and write the config topic.", no_args_is_help=True)
commands.add_typer(config, name="config")

TaskOrAll = Annotated[str, typer.Argument(help="A task, or `*` for all.")]


@config.command("get")
def config_get(task: TaskOrAll = EVERY_TASK) -> None:
    """Print the config of a task as it is in force, as JSON."""
    overrides = read_overrides(client_settings())
    result(config_of(task, overrides))


@config.command("set")
def config_set(
    task: TaskOrAll,
    assignments: Annotated[
        list[str], typer.Argument(help="`field=value` or `teacher.url=value`; null puts the default back.")
    ],
) -> None:
    """Change fields of a task's config; the others stay as they were set."""
    task_of(task)
    settings = client_settings()
    before = read_overrides(settings).get(task, NOTHING)
    override = _changed(before, _assigned(assignments))
    raw = msgspec.json.encode(override)
    parse_message(raw)
    write_messages(settings, [Outgoing(settings.topics.config, task.encode(), raw)])
    result(override)


def _assigned(assignments: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise typer.BadParameter(f"{assignment}: expected field=value")
        *outer, last = name.split(".")
        place = fields
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = _value(value)
    return fields


def _changed(before: Override, fields: Override) -> dict[str, Any]:
    """The fields of both; a null stays, since it puts back a default that `*` may have changed."""
    both = {name: (before.get(name), value) for name, value in fields.items()}
    return {**before} | {
        name: _changed(was, value) if isinstance(was, Mapping) and isinstance(value, Mapping) else value
        for name, (was, value) in both.items()
    }


def _value(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
