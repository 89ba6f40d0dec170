"""A time in the past, as an option: `30m`, `2h`, `7d`, or an ISO 8601 date or time."""

import re
from datetime import datetime
from typing import Annotated

import typer

from streams.clock import unix_ms

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_AGO = re.compile(r"(\d{1,9})([smhd])", re.ASCII)


def parse_since(text: str) -> int:
    """Unix milliseconds. A time without an offset is local. Raises BadParameter: it is neither."""
    ago = _AGO.fullmatch(text)
    if ago:
        return max(0, unix_ms() - int(ago[1]) * _UNITS[ago[2]])
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp() * 1000))
    except (ValueError, OverflowError, OSError) as error:
        raise typer.BadParameter(
            f"`{text}` is no time: expected 30m, 2h or 7d (ago), or a time such as 2026-01-31T09:30"
        ) from error


Since = Annotated[
    int | None,
    typer.Option(
        metavar="TIME",
        parser=parse_since,
        help="Only those written since then: 30m, 2h or 7d (ago), or a time such as 2026-01-31T09:30.",
    ),
]
