"""The live view shows what audits prove, whether the breaker is open, and the newest headline."""

import io
from dataclasses import replace

from rich.console import Console

from infra.demo import view
from infra.demo.scoreboard import Scoreboard
from schemas.events import Event, EventKind
from schemas.messages import Label, Reason
from streams.status.task_status import TaskStatus
from tests.streams.status import statuses

STATUS = replace(
    statuses.STATUS,
    task="demo",
    version="v3",
    since=0,
    breaker="alarm: 8 of the last 20 audits agree",
)
SENTENCE = "; ".join(f"this is part {part} of what has happened" for part in range(8))


def shown(board: Scoreboard, status: TaskStatus | None) -> str:
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(view.screen(board, status, 60, "here"))
    return " ".join(console.export_text().replace("│", " ").split())


def answered(name: str, label: str) -> Label:
    return Label(name, "demo", label, "surrogate", Reason.ACCEPTED, 0, 0)


def test_the_view_shows_certificate_and_breaker() -> None:
    told = shown(Scoreboard({}, 0.9), STATUS)
    assert "at least 95.3%, certified" in told
    assert "breaker" in told
    assert "open" in told
    assert "nothing yet" in shown(Scoreboard({}, 0.9), None)
    assert "breaker open" in view.line(Scoreboard({}, 0.9), STATUS, 60)


def test_the_newest_headline_is_shown_in_full() -> None:
    board = Scoreboard({}, 0.9)
    assert "Understudy gets no notice" not in shown(board, STATUS)
    board.drift_second = 50
    board.count_event(Event(EventKind.ALARM, "demo", 0, SENTENCE))
    board.count_event(Event(EventKind.REFIT, "demo", 1, "demo: fitting v4"))
    told = shown(board, STATUS)
    assert SENTENCE in told
    assert "at second 50; Understudy gets no notice" in told
    assert board.summary()["alarms"] == 1


def test_agreement_now_is_of_recent_labels() -> None:
    board = Scoreboard({f"{place}": "right" for place in range(1_000)}, 0.9)
    for place in range(500):
        board.count_label(answered(f"{place}", "wrong"), 1.0)
    assert board.agreement_now == 0.0
    for place in range(500, 1_000):
        board.count_label(answered(f"{place}", "right"), 2.0)
    assert board.agreement_now == 1.0
    assert board.agreement == 0.5
