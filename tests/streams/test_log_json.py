"""The log as JSON: one object a line, with what its messages name as members, and no secrets."""

import json
import logging
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from streams.log_format import apply_log_settings
from streams.log_settings import LogSettings

log = logging.getLogger("streams.somewhere")
Said = Callable[..., dict[str, Any]]


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the root logger writes."""
    stream = StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(stream)])
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
    monkeypatch.setattr(log, "level", logging.DEBUG)
    return stream


@pytest.fixture
def said(root: StringIO) -> Said:
    """The one line that a message makes."""
    apply_log_settings(LogSettings(format="json"))
    apply_log_settings(LogSettings(format="json"))

    def say(*args: Any, **options: Any) -> dict[str, Any]:
        log.warning(*args, **options)
        (line,) = root.getvalue().splitlines()
        found: dict[str, Any] = json.loads(line)
        return found

    return say


def test_values_that_a_message_names_are_members(said: Said) -> None:
    line = said("100 %% of %s deferred: task=%s count=%d share=%.2f", "them", "a\nb", 3, 0.126)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "WARNING",
        "logger": "streams.somewhere",
        "message": "100 % of them deferred: task=a\nb count=3 share=0.13",
        "task": "a\nb",
        "count": 3,
        "share": 0.126,
    }


def test_no_value_takes_the_place_of_a_line_s_own(said: Said) -> None:
    line = said("level=%s time=%s message=%s", "low", "late", "none")
    assert (line["level"], line["message"]) == ("WARNING", "level=low time=late message=none")
    assert line["time"] != "late"


def test_a_traceback_is_one_member_and_secrets_are_masked(said: Said) -> None:
    url = "redis://:hunter2@redis:6379/0"
    try:
        int(url)
    except ValueError:
        line = said("lost: url=%s by %s", url, {"a": url}, exc_info=True)
    assert "Traceback" in line["exception"]
    assert line["url"] == "redis://:***@redis:6379/0"
    assert "hunter2" not in json.dumps(line)


def test_a_message_of_another_form_is_written_all_the_same(said: Said) -> None:
    assert said("task=%(task)s", {"task": "t"})["message"] == "task=t"


def test_text_and_the_level_of_the_command_are_the_default(root: StringIO) -> None:
    apply_log_settings(LogSettings())
    log.info("ready: task=%s", "t")
    apply_log_settings(LogSettings(level="WARNING"))
    assert root.getvalue() == "ready: task=t\n"
    assert logging.getLogger().level == logging.WARNING
