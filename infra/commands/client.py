"""ask, produce, consume: requests and messages of a client, through the topics."""

import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from infra.console.column_options import FORMATS, IdColumn, TextColumn
from infra.console.examples import examples
from infra.console.message_lines import dead_letter_line, label_sentence, masked_line, message_line
from infra.console.output import AsJson, line, note, raw_line, result
from infra.console.policy_options import ClientTask
from infra.errors import InvalidFile
from infra.files.client_requests import read_client_requests
from infra.files.columns import Columns
from infra.files.formats import STANDARD_INPUT
from infra.serve.known_tasks import named_tasks
from infra.serve.label_join import joined_labels, requests_by_id
from infra.serve.request_sender import IdListing, RequestSender, request_message
from infra.serve.servers import client_settings, default_task
from schemas.codec import LABEL
from schemas.messages import Label, Request
from streams.kafka.message import as_bytes
from streams.kafka.topic_client import Reader, write_messages
from streams.settings import Settings
from streams.wording import counted

commands = typer.Typer()

_MOST_NAMED = 10


@commands.command(
    epilog=examples("ask 'where is my parcel?'", "ask 'where is my parcel?' --task shop --json")
)
def ask(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Text to classify.")],
    task: ClientTask = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Longest wait for the label.")] = 60.0,
    json: AsJson = False,
) -> None:
    """Send one request and wait for its label. Exit status 1: there is no label."""
    settings = client_settings()
    request = Request(id=f"ask-{uuid.uuid4()}", task=task or _only_task(settings), text=text)
    reader = Reader(settings, settings.topics.labels)
    try:
        write_messages(settings, [request_message(settings, request)])
        label = _label_of(reader, request.id, timeout)
    finally:
        reader.close()
    if label is None:
        note(f"no label within {timeout:.0f} s: is a worker running, and does it have a teacher?")
        raise typer.Exit(1)
    result(label) if json else line(label_sentence(label))
    if label.label is None:
        raise typer.Exit(1)


@commands.command(
    epilog=examples(
        "produce requests.jsonl --task shop --ids sent.jsonl",
        "produce tickets.csv --text-column body --rate 50",
        "produce - < requests.jsonl",
    )
)
def produce(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=f"Requests, a text each (and id, task where known): {FORMATS}.",
            allow_dash=True,
        ),
    ],
    task: ClientTask = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    ids: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write id, row and text of each request there, a JSON object a line; `-` prints them.",
            allow_dash=True,
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="NUMBER", min=0.001, help="Requests a second, at most.")
    ] = None,
) -> None:
    """Send requests from a file or a pipe.

    A request without an id gets one. A file is checked before anything is sent; JSON Lines from a pipe are
    sent line by line, as they come.
    """
    settings = client_settings()
    requests = read_client_requests(
        file, Columns(text_column, None, id_column), task or default_task(settings)
    )
    if file != STANDARD_INPUT:
        requests = iter(list(requests))
    with ExitStack() as stack:
        listing = None if ids is None else IdListing(ids, stack)
        sending = RequestSender(settings, requests, rate, listing)
        write_messages(settings, sending.outgoing())
    if sending.problem is not None:
        raise InvalidFile(f"{sending.problem}; the {sending.sent} requests before it were sent")
    if not sending.sent:
        raise InvalidFile(
            f'{file}: no request in it; expected {{"text": "..."}} a line, or CSV below a header'
        )
    note(f"{counted(sending.sent, 'request')} sent to {settings.topics.requests}")
    if sending.without_id and ids is None:
        note(f"{sending.without_id} had no id and got one; --ids FILE writes the ids down")


@commands.command(
    epilog=examples(
        "consume labels",
        "consume labels --join sent.jsonl",
        "consume events --from-start --no-follow",
        "consume labels --from-start --no-follow | grep 4711",
        "consume dead-letters --from-start",
    )
)
def consume(
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC",
            help="requests, labels, deferrals, audits, replies, traces, audit-failures, config, events, "
            "feedback, dead-letters, or the full name of another.",
        ),
    ],
    from_start: Annotated[
        bool | None,
        typer.Option(help="Begin with the oldest message, not with the next one; --join does so anyway."),
    ] = None,
    most: Annotated[
        int | None, typer.Option("--max", metavar="NUMBER", min=1, help="Stop after this number of messages.")
    ] = None,
    follow: Annotated[bool, typer.Option(help="Wait for further messages at the end of the topic.")] = True,
    join: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Requests with ids, such as `produce --ids` writes: print only their labels, each with row "
            "and text of its request, and stop once all have one.",
        ),
    ] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
) -> None:
    """Print messages of a topic, a JSON object a line.

    A dead letter is printed with the reason why the message could not be processed.
    """
    settings = client_settings()
    name = _full_name(settings, topic)
    requests = None if join is None else requests_by_id(join, Columns(text_column, None, id_column))
    if requests is not None and name != settings.topics.labels:
        raise typer.BadParameter("labels are joined, so the topic must be `labels`", param_hint="--join")
    reader = Reader(settings, name, from_start=requests is not None if from_start is None else from_start)
    try:
        messages = reader.until(float("inf")) if follow else reader.to_end()
        if requests is not None:
            lines = joined_labels(messages, requests)
        elif name == settings.topics.dead_letters:
            lines = map(dead_letter_line, messages)
        elif name in (settings.topics.config, settings.topics.events):
            lines = map(masked_line, messages)
        else:
            lines = map(message_line, messages)
        _print(lines, most)
    except KeyboardInterrupt:
        note("stopped")
    finally:
        reader.close()
    if requests:
        note(f"{counted(len(requests), 'request')} without a label yet")


def _only_task(settings: Settings) -> str:
    """The task of a running demo, or `default`. Raises BadParameter: there are tasks, and that is none."""
    task, known = default_task(settings), named_tasks(settings)
    if known and task not in known:
        more = f" and {len(known) - _MOST_NAMED:,} more" if len(known) > _MOST_NAMED else ""
        raise typer.BadParameter(
            f"which task is the text for? Known are {', '.join(known[:_MOST_NAMED])}{more}",
            param_hint="--task",
        )
    return task


def _label_of(reader: Reader, request: str, timeout: float) -> Label | None:
    for message in reader.until(timeout):
        label = LABEL.decode(as_bytes(message.value()))
        if label.id == request:
            return label
    return None


def _print(lines: Iterable[str], most: int | None) -> None:
    for count, text in enumerate(lines, 1):
        raw_line(text)
        if count == most:
            return


def _full_name(settings: Settings, name: str) -> str:
    full = f"{settings.prefix}.{name}"
    return full if full in settings.topics.all() else name
