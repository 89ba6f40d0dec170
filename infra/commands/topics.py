"""topics: make the topics that are missing, and describe them."""

from importlib.metadata import version

import typer

from infra.console.examples import examples
from infra.console.output import note, result
from infra.serve.servers import client_settings
from schemas.asyncapi import asyncapi
from streams.kafka.retention import apply_traces_retention
from streams.kafka.topic_admin import create_missing, topic_specs
from streams.settings import load_settings

commands = typer.Typer()

topics = typer.Typer(help="Make and describe the topics.", no_args_is_help=True)
commands.add_typer(topics, name="topics")


@topics.command("create", epilog=examples("topics create"))
def topics_create() -> None:
    """Make the topics that are missing, and set how long traces are kept if the settings say so."""
    settings = client_settings()
    created = create_missing(settings)
    note(f"created {', '.join(created)}" if created else "all topics are there")
    for topic in (settings.topics.traces, settings.topics.audit_failures):
        if topic not in created and apply_traces_retention(settings, topic):
            note(f"{topic} keeps messages for {settings.traces_retention:g} days from now on")


@topics.command("describe", epilog=examples("topics describe"))
def topics_describe() -> None:
    """Print the topics as they should be, a JSON object each."""
    settings = client_settings()
    for topic in topic_specs(settings):
        result({"name": topic.name, "partitions": settings.partitions, "options": topic.options})


@topics.command("asyncapi", epilog=examples("topics asyncapi > asyncapi.json"))
def topics_asyncapi() -> None:
    """Print the AsyncAPI document of the topics and their messages, for clients in other languages."""
    result(asyncapi(load_settings().topics, version("understudy")))
