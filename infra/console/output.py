"""Output of commands: results on standard output, everything else on standard error."""

import sys
from typing import Annotated, Any

import msgspec
import typer

from schemas.secrets import masked, masked_values

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def result(value: Any) -> None:
    """A JSON value on a line of its own, without secrets."""
    customers_data(masked_values(msgspec.to_builtins(value, str_keys=True)))


def customers_data(value: Any) -> None:
    """A JSON value on a line of its own with what customers have sent, URLs and all."""
    raw_line(msgspec.json.encode(value).decode())


def raw_line(text: str) -> None:
    """A message as it is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def line(text: str) -> None:
    """A result for people, without secrets."""
    sys.stdout.write(masked(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Progress, or what went wrong, without secrets."""
    sys.stderr.write(masked(text) + "\n")
    sys.stderr.flush()
