"""What is told of a refit is read again from the events topic, figures and all."""

from models.fit import FitSummary
from models.manifest import FrontierPoint
from schemas.codec import EVENT
from schemas.messages import Event, EventKind
from streams.trainer.events import (
    on_trial_event,
    promoted_event,
    recovered_event,
    refit_started_event,
    refused_event,
)
from streams.versions.lifecycle import VersionStage
from streams.versions.serving_state import PromotionPlan

FRONTIER = (FrontierPoint(0.9, 0.2, 0.8, 0.91), FrontierPoint(0.95, 0.5, 0.6, 0.96))
SUMMARY = FitSummary(
    version="v2",
    traces=500,
    sampled=400,
    labels=2,
    seconds=1.25,
    surrogate="s",
    acceptor="a",
    accuracy=0.9,
    frontier=FRONTIER,
    refused=None,
)


def read(event: Event) -> Event:
    return EVENT.decode(EVENT.encode(event))


def test_a_promotion_says_what_share_the_policy_should_answer_at_the_target_asked_for() -> None:
    event = read(promoted_event("t", 0.95, SUMMARY, 9))
    assert (event.kind, event.task, event.at) == (EventKind.PROMOTED, "t", 9)
    assert event.message == (
        "t: v2 goes live, fitted on 500 traces in 1.2 s; it should answer 60% at an agreement of 0.95"
    )
    assert event.details["coverage"] == {"0.9": 0.8, "0.95": 0.6}
    assert (event.details["version"], event.details["traces"]) == ("v2", 500)
    assert "80% at an agreement of 0.85" in promoted_event("t", 0.85, SUMMARY, 9).message, (
        "the next one certified"
    )
    assert recovered_event(event).message == f"{event.message}; the breaker is closed"
    assert "0% at an agreement of 0.99" in promoted_event("t", 0.99, SUMMARY, 9).message


def test_a_refit_s_begin_and_refusal_name_the_version_and_the_reasons() -> None:
    begin = read(refit_started_event("t", "v2", 500, 8, 9))
    assert (begin.kind, begin.details) == (EventKind.REFIT, {"version": "v2", "traces": 500, "newest": 8})
    refusal = read(refused_event("t", "v2", ("too few", "too noisy"), 9))
    assert refusal.kind == EventKind.REFUSED
    assert refusal.message == "t: v2 is refused: too few; too noisy"
    assert refusal.details == {"version": "v2", "reasons": ["too few", "too noisy"]}


def test_a_trial_s_begin_says_what_it_takes() -> None:
    shadow = read(
        on_trial_event("t", "v2", VersionStage.SHADOW, PromotionPlan(VersionStage.SHADOW, 0.0, 100), 9)
    )
    assert (shadow.kind, shadow.details["state"]) == (EventKind.TRIAL, "shadow")
    assert shadow.message == "t: v2 is scored in shadow until 100 of its answers are checked"
    canary = on_trial_event("t", "v2", VersionStage.CANARY, PromotionPlan(VersionStage.CANARY, 0.1, 59), 9)
    assert canary.message == "t: v2 answers 10% of the requests until 59 of its answers are checked"
    waiting = on_trial_event("t", "v2", VersionStage.SHADOW, PromotionPlan(VersionStage.SHADOW), 9)
    assert waiting.message == "t: v2 is scored in shadow until the pin is lifted"
