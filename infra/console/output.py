"""Output of commands: results on standard output, everything else on standard error."""

import sys
from typing import Annotated, Any

import msgspec
import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def result(value: Any) -> None:
    """A JSON value on a line of its own."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def line(text: str) -> None:
    """A result for people."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Progress, or what went wrong."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
