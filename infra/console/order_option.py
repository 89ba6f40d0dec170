"""Option `--order`: whether the order of a file is that of time."""

from enum import StrEnum
from typing import Annotated

import typer


class Order(StrEnum):
    """What the order of the traces in a file says."""

    TIME = "time"
    NONE = "none"


TraceOrder = Annotated[
    Order,
    typer.Option(
        help="`time`: the file is oldest first, so traces whose labels depend on time, as if sorted by "
        "label, count for less or do not pass; `none`: the order says nothing.",
    ),
]
