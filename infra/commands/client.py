"""ask, produce, consume: one's own requests through the topics."""

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from infra.console.output import AsJson, line, note, result
from infra.serve.servers import client_settings, default_task
from infra.serve.topic_client import Reader, write_messages
from schemas.codec import LABEL, REQUEST
from schemas.errors import InvalidMessage
from schemas.messages import Label, Request
from streams.kafka.batch import Outgoing
from streams.kafka.message import as_bytes
from streams.settings import Settings

commands = typer.Typer()

Task = Annotated[str | None, typer.Option(help="Task; by default that of a running demo, else `default`.")]


@commands.command()
def ask(
    text: Annotated[str, typer.Argument(help="What to classify.")],
    task: Task = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the label.")] = 60.0,
    json: AsJson = False,
) -> None:
    """Send one request and wait for its label."""
    settings = client_settings()
    request = Request(id=f"ask-{uuid.uuid4()}", task=task or default_task(settings), text=text)
    reader = Reader(settings, settings.topics.labels, from_start=False)
    try:
        _send(settings, [request])
        found = _answer(reader, request.id, timeout)
    finally:
        reader.close()
    if found is None:
        note(f"no label within {timeout:.0f} s: is a worker running, and does it have a teacher?")
        raise typer.Exit(1)
    result(found) if json else line(_told(found))
    if found.label is None:
        raise typer.Exit(1)


@commands.command()
def produce(
    file: Annotated[
        Path,
        typer.Argument(help="Requests, a JSON object a line; `-` for standard input.", allow_dash=True),
    ],
    task: Task = None,
) -> None:
    """Send requests from a file. `id` and `task` are filled in where a line has none."""
    settings = client_settings()
    requests = list(_requests(file, task or default_task(settings)))
    _send(settings, requests)
    note(f"{len(requests)} requests sent to {settings.topics.requests}")


@commands.command()
def consume(
    topic: Annotated[str, typer.Argument(help="labels, deferrals, events, ... or a topic's whole name.")],
    from_start: Annotated[
        bool, typer.Option(help="From the oldest message; else from the next one.")
    ] = False,
    most: Annotated[int | None, typer.Option("--max", help="Stop after so many.")] = None,
    follow: Annotated[bool, typer.Option(help="Go on at the end of the topic.")] = True,
) -> None:
    """Print messages of a topic, a line each."""
    settings = client_settings()
    reader = Reader(settings, _full_name(settings, topic), from_start=from_start)
    try:
        messages = reader.until(float("inf")) if follow else reader.to_end()
        for count, message in enumerate(messages, 1):
            line((as_bytes(message.value()) or b"null").decode(errors="replace"))
            if count == most:
                break
    except KeyboardInterrupt:
        note("stopped")
    finally:
        reader.close()


def _send(settings: Settings, requests: list[Request]) -> None:
    topic = settings.topics.requests
    write_messages(
        settings, (Outgoing(topic, request.id.encode(), REQUEST.encode(request)) for request in requests)
    )


def _answer(reader: Reader, request: str, timeout: float) -> Label | None:
    for message in reader.until(timeout):
        label = LABEL.decode(as_bytes(message.value()))
        if label.id == request:
            return label
    return None


def _told(label: Label) -> str:
    if label.label is None:
        return f"no label: {label.error}"
    took = f"{label.labelled_at - label.requested_at} ms"
    if label.source == "surrogate":
        score = (
            f"score {label.score:.3f} >= {label.threshold:.3f}, " if label.score and label.threshold else ""
        )
        return f"{label.label}  (surrogate {label.policy}, {score}{took})"
    return f"{label.label}  (teacher, {label.reason}, {took})"


def _requests(file: Path, task: str) -> Iterator[Request]:
    with sys.stdin.buffer if str(file) == "-" else file.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                yield _request(raw, task, f"{file}, line {number}")


def _request(raw: bytes, task: str, place: str) -> Request:
    try:
        fields: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
        return REQUEST.decode(msgspec.json.encode({"id": str(uuid.uuid4()), "task": task, **fields}))
    except (msgspec.DecodeError, RecursionError, InvalidMessage) as error:
        raise InvalidMessage(f"{place}: {error}") from error


def _full_name(settings: Settings, name: str) -> str:
    full = f"{settings.prefix}.{name}"
    return full if full in settings.topics.all() else name
