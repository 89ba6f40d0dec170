"""config, topics, status: what operators look at and change."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any

import msgspec
import typer

from infra.commands.writing import write_messages
from infra.console.output import AsJson, line, note, result
from infra.serve.servers import client_settings
from infra.serve.status import TaskStatus, task_statuses
from infra.serve.topic_client import Reader
from schemas.asyncapi import asyncapi
from schemas.config import EVERY_TASK, NOTHING, Override, config_of, task_of
from schemas.errors import InvalidConfig
from streams.kafka.batch import Outgoing
from streams.kafka.topics import create_missing, topic_specs
from streams.roles.config import parse_message, read_config
from streams.settings import Settings, load_settings

commands = typer.Typer()

config = typer.Typer(help="Read and write the config topic.", no_args_is_help=True)
topics = typer.Typer(help="Make and describe the topics.", no_args_is_help=True)
commands.add_typer(config, name="config")
commands.add_typer(topics, name="topics")

# Chance brings the alarm up to there every now and then.
_WORTH_TELLING = 0.5

TaskOrAll = Annotated[str, typer.Argument(help="A task, or `*` for all.")]


@config.command("get")
def config_get(task: TaskOrAll = EVERY_TASK) -> None:
    """Print the config of a task as it is in force, as JSON."""
    overrides = overrides_on(client_settings())
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
    before = overrides_on(settings).get(task, NOTHING)
    override = _changed(before, _assigned(assignments))
    raw = msgspec.json.encode(override)
    parse_message(raw)
    write_messages(settings, [Outgoing(settings.topics.config, task.encode(), raw)])
    result(override)


@topics.command("create")
def topics_create() -> None:
    """Make the topics that are missing."""
    made = create_missing(client_settings())
    note(f"made {', '.join(made)}" if made else "all topics are there")


@topics.command("describe")
def topics_describe() -> None:
    """Print the topics as they should be, a JSON object each."""
    settings = client_settings()
    for topic in topic_specs(settings.topics):
        result({"name": topic.name, "partitions": settings.partitions, "options": topic.options})


@topics.command("asyncapi")
def topics_asyncapi() -> None:
    """Print the AsyncAPI document of the topics and their messages, for clients in other languages."""
    result(asyncapi(load_settings().topics, version("understudy")))


@commands.command()
def status(json: AsJson = False) -> None:
    """Show, for every task, the policy that answers, what audits say of it, and what is promised."""
    settings = client_settings()
    found = task_statuses(settings, overrides_on(settings))
    if json:
        result({"tasks": found})
    elif not found:
        line("no task has a policy yet")
    for standing in [] if json else found:
        line(_told(standing))


def overrides_on(settings: Settings) -> dict[str, Override]:
    """All valid config messages, the newest for each key."""
    reader = Reader(settings, settings.topics.config, from_start=True)
    found: dict[str, Override] = {}
    try:
        for message in reader.to_end():
            try:
                task, override = read_config(message)
            except InvalidConfig as error:
                note(f"a config message is ignored: {error}")
            else:
                found[task] = override
    finally:
        reader.close()
    return found


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


def _told(standing: TaskStatus) -> str:
    further = [
        f"{standing.pending} replies are awaited" if standing.pending else "",
        f"{standing.overdue} overdue ones count as disagreements" if standing.overdue else "",
        f"the alarm stands at {standing.alarm:.0%}" if standing.alarm > _WORTH_TELLING else "",
        f"breaker open: {standing.breaker}" if standing.breaker else "",
        f"on trial: {standing.candidate}" if standing.candidate else "",
        f"pinned: {standing.pinned}" if standing.pinned else "",
        _steadiness(standing),
    ]
    told = (
        f"{standing.task}: {standing.version} since {standing.since}, fitted on {standing.traces} traces, "
        f"threshold {standing.threshold} for agreement {standing.target}; "
        f"{standing.agreements} of {standing.audits} audits agree, which proves {standing.bound:.1%}: "
        f"{_claim(standing)}"
    )
    return "; ".join([told, *filter(None, further)])


def _claim(standing: TaskStatus) -> str:
    if standing.certified:
        return "certified"
    if not standing.complete:
        return "not certified while lost counts are read again"
    near = standing.bound > standing.target and standing.audits > 0
    return "not certified again yet, so near the target" if near else "not certified"


def _steadiness(standing: TaskStatus) -> str:
    if not standing.asked_again:
        return ""
    return (
        f"asked the same twice, the teacher said the same {standing.said_the_same} of {standing.asked_again} "
        f"times: answering everything, no surrogate can agree with more than {standing.ceiling:.1%}"
    )
