"""The demo's counts follow events, whoever caused them."""

from infra.demo.scoreboard import Scoreboard
from streams.trainer.events import refit_started_event
from streams.versions.events import transition_event
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.serving_state import ServingChange, ServingState


def test_a_version_promoted_by_hand_is_counted() -> None:
    live = Transition("v2", VersionStage.SHADOW, VersionStage.LIVE, 8, "operator", "the pin is lifted")
    board = Scoreboard({}, 0.9)
    board.event(refit_started_event("demo", "v2", 100, 7, 7))
    board.event(transition_event("demo", ServingChange(ServingState(), (live,)), 8))
    assert (board.versions, board.refits) == (["v2"], 1)
