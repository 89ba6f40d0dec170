"""The demo's counts follow labels and events."""

from typing import Literal

from infra.demo.scoreboard import Scoreboard
from schemas.messages import Label, Reason
from streams.trainer.events import refit_started_event
from streams.versions.events import transition_event
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.serving_state import ServingChange, ServingState


def labelled(name: str, source: Literal["surrogate", "teacher"]) -> Label:
    return Label(name, "demo", "track", source, Reason.ACCEPTED, 0, 0)


def test_a_version_promoted_by_hand_is_counted() -> None:
    live = Transition("v2", VersionStage.SHADOW, VersionStage.LIVE, 8, "operator", "the pin is lifted")
    board = Scoreboard({}, 0.9)
    board.count_event(refit_started_event("demo", "v2", 100, 7, 7))
    board.count_event(transition_event("demo", ServingChange(ServingState(), (live,)), 8))
    assert (board.versions, board.refits) == (["v2"], 1)


def test_each_request_is_counted_once() -> None:
    board = Scoreboard({"a": "track", "b": "refund"}, 0.9, sent=2)
    for name in ("a", "a", "of another client"):
        board.count_label(labelled(name, "surrogate"), 1.0)
    assert (board.summary()["labels"], set(board.unlabelled)) == (
        {"surrogate": 1, "teacher": 0, "error": 0},
        {"b"},
    )
    board.count_label(labelled("b", "teacher"), 2.0)
    assert sum(board.labels.values()) == board.sent
    assert not board.unlabelled
