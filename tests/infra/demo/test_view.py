"""The live view says what is proved, whether the breaker is open, and in full what has happened."""

import io

from rich.console import Console

from infra.demo import view
from infra.demo.scoreboard import Scoreboard
from infra.serve.status import TaskStatus
from schemas.events import Event, EventKind
from schemas.messages import Label, Reason

STANDING = TaskStatus(
    task="demo",
    version="v3",
    since=0,
    traces=1_200,
    target=0.9,
    threshold=0.7,
    audits=400,
    agreements=390,
    pending=0,
    overdue=0,
    bound=0.953,
    certified=True,
    complete=True,
    alarm=0.0,
    breaker="alarm: 8 of the last 20 audits agree",
    candidate=None,
    pinned=None,
    asked_again=0,
    said_the_same=0,
    ceiling=1.0,
)
SENTENCE = "; ".join(f"this is part {part} of what has happened" for part in range(8))


def shown(board: Scoreboard, standing: TaskStatus | None) -> str:
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(view.screen(board, standing, 60, "here"))
    return " ".join(console.export_text().replace("│", " ").split())


def answered(name: str, label: str) -> Label:
    return Label(name, "demo", label, "surrogate", Reason.ACCEPTED, 0, 0)


def test_the_view_tells_what_is_proved_of_a_version_and_that_its_breaker_is_open() -> None:
    told = shown(Scoreboard({}, 0.9), STANDING)
    assert "certified, at least 95.3%" in told
    assert "breaker" in told
    assert "open" in told
    assert "nothing yet" in shown(Scoreboard({}, 0.9), None)
    assert "breaker open" in view.line(Scoreboard({}, 0.9), STANDING, 60)


def test_the_newest_sentence_that_matters_is_told_in_full_with_the_drift_behind_it() -> None:
    board = Scoreboard({}, 0.9)
    assert "nobody has told" not in shown(board, STANDING)
    board.struck = 50
    board.event(Event(EventKind.ALARM, "demo", 0, SENTENCE))
    board.event(Event(EventKind.REFIT, "demo", 1, "demo: fitting v4"))
    told = shown(board, STANDING)
    assert SENTENCE in told
    assert "at second 50; nobody has told Understudy" in told
    assert board.summary()["alarms"] == 1


def test_agreement_now_forgets_what_is_long_past() -> None:
    board = Scoreboard(dict.fromkeys(("old", "new"), "right"), 0.9)
    for _ in range(500):
        board.label(answered("old", "wrong"), 1.0)
    assert board.agreement_now == 0.0
    for _ in range(500):
        board.label(answered("new", "right"), 2.0)
    assert board.agreement_now == 1.0
    assert board.agreement == 0.5
