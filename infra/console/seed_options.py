"""Options of `seed`."""

from pathlib import Path
from typing import Annotated

import typer

_FILE = (
    "Past calls: CSV, JSON Lines, a JSON array or Parquet with a text and a label; OpenAI chats or batch "
    "answers; LiteLLM, Langfuse or OTLP in JSON; a folder of TRACER. `-` for standard input."
)
_UNIFORM = (
    "Say that the rows are a uniform sample of the task's traffic, with the labels that its teacher gives "
    "today: then they may certify a version. If that is wrong, the guarantee is wrong."
)

PastCalls = Annotated[Path, typer.Argument(metavar="FILE", help=_FILE, allow_dash=True)]
TimeColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Field of the time of the call; by default time, timestamp, ..."),
]
LabelField = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Field of the label, where answers are JSON; by default label."),
]
Where = Annotated[
    list[str],
    typer.Option(
        metavar="FIELD=VALUE",
        help="Only records with this value; a log may hold calls of several apps. May be repeated.",
    ),
]
BatchRequests = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Input of the batch whose answers FILE holds.")
]
UniformSample = Annotated[bool, typer.Option("--uniform-sample", help=_UNIFORM)]
AsOf = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="When the last of the rows without a time was asked; `now`, ISO 8601."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")]
