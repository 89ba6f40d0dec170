"""Arguments and options that name a policy, a task, a version, or vectors."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from schemas import messages
from schemas.config import EVERY_TASK
from streams.changes.author import LONGEST_TEXT, is_reason


def task_name(name: str | None) -> str | None:
    """The name itself. Raises BadParameter: no task can be called that."""
    try:
        return None if name is None else msgspec.convert(name, messages.TaskName)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(
            f"`{name}` can't be the name of a task: letters, digits, dot, dash and underscore are allowed, "
            "at most 100 of them, a letter or digit first"
        ) from error


def task_or_all(name: str) -> str | None:
    return name if name == EVERY_TASK else task_name(name)


def printable_text(text: str | None) -> str | None:
    """The text itself. Raises BadParameter: it is empty, too long, or has characters that don't print."""
    if text is None:
        return None
    if not is_reason(text):
        raise typer.BadParameter(f"a line of 1 to {LONGEST_TEXT:,} printable characters is needed")
    return text.strip()


def encodable_text(text: str | None) -> str | None:
    """The text itself. Raises BadParameter: it has bytes that are no UTF-8."""
    try:
        return None if text is None else text.encode().decode()
    except UnicodeEncodeError as error:
        raise typer.BadParameter("it has bytes that are no UTF-8") from error


PolicyFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a policy.")]
Vectors = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Vectors in .npy format, float16 or float32, a row for each line."),
]
TaskName = Annotated[
    str, typer.Option("--task", metavar="NAME", help="Task of the policy.", callback=task_name)
]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="A task.", callback=task_name)]
TaskOrAll = Annotated[
    str, typer.Argument(metavar="TASK", help="A task, or `*` for all tasks.", callback=task_or_all)
]
ClientTask = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="NAME",
        help="Task; by default that of a running demo, else `default`.",
        callback=task_name,
    ),
]
