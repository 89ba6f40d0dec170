"""`--since` takes a time ago, or a time; anything else is named."""

from datetime import UTC, datetime

import pytest
import typer

from infra.console import since_option
from infra.console.since_option import parse_since

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30m", NOW - 30 * 60_000),
        ("2h", NOW - 7_200_000),
        ("0s", NOW),
        ("999999999d", 0),
        ("2026-01-31T09:30+00:00", int(datetime(2026, 1, 31, 9, 30, tzinfo=UTC).timestamp() * 1000)),
        ("1900-01-01", 0),
    ],
)
def test_a_time_is_read(monkeypatch: pytest.MonkeyPatch, text: str, at: int) -> None:
    monkeypatch.setattr(since_option, "unix_ms", lambda: NOW)
    assert parse_since(text) == at


@pytest.mark.parametrize(
    "text", ["", "soon", "2", "h", "-2h", "2 h", "1e3s", "2026-13-01", "\N{SUPERSCRIPT TWO}h"]
)
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected 30m, 2h or 7d"):
        parse_since(text)
