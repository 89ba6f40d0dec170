"""Events about refits, read again from the events topic, figures and all."""

from models.fit import FitSummary
from models.manifest import FrontierPoint
from schemas.codec import EVENT
from schemas.events import Event, EventKind, PromotedDetails, VersionMove
from streams.trainer.events import promoted_event, refit_started_event, refused_event
from streams.versions.events import on_trial_event
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import PromotionPlan
from streams.versions.serving_state import ServingChange, ServingState

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
CHANGE = ServingChange(
    ServingState(), (Transition("v2", None, VersionStage.LIVE, 8, "trainer", "it passed"),)
)


def read(event: Event) -> Event:
    return EVENT.decode(EVENT.encode(event))


def test_a_promotion_says_the_expected_coverage() -> None:
    event = read(promoted_event("t", 0.95, SUMMARY, CHANGE, 9))
    assert (event.kind, event.task, event.at) == (EventKind.PROMOTED, "t", 9)
    assert event.message == (
        "t: v2 goes live, fitted on 500 traces in 1.2 s; it should answer 60% at an agreement of 0.95"
    )
    assert PromotedDetails.of(event) == PromotedDetails(
        version="v2",
        moves=(VersionMove("v2", None, "live", 8, "trainer", "it passed"),),
        breaker="closed",
        traces=500,
        accuracy=0.9,
        seconds=1.25,
        coverage={"0.9": 0.8, "0.95": 0.6},
    )


def test_a_promotion_names_the_next_target() -> None:
    assert "80% at an agreement of 0.85" in promoted_event("t", 0.85, SUMMARY, CHANGE, 9).message
    assert "0% at an agreement of 0.99" in promoted_event("t", 0.99, SUMMARY, CHANGE, 9).message


def test_a_promotion_closes_the_breaker() -> None:
    plain = promoted_event("t", 0.95, SUMMARY, CHANGE, 9)
    recovered = promoted_event("t", 0.95, SUMMARY, CHANGE, 9, recovered=True)
    assert recovered.message == f"{plain.message}; the breaker is closed"


def test_a_refit_event_names_version_and_traces() -> None:
    started = read(refit_started_event("t", "v2", 500, 8, 9))
    details = {"version": "v2", "traces": 500, "newest": 8}
    assert (started.kind, started.details) == (EventKind.REFIT, details)


def test_a_refusal_names_its_reasons() -> None:
    refusal = read(refused_event("t", "v2", ("too few", "too noisy"), 9))
    assert refusal.kind == EventKind.REFUSED
    assert refusal.message == "t: the attempt at v2 is refused: too few; too noisy"
    assert refusal.details == {"version": "v2", "reasons": ["too few", "too noisy"]}


def test_a_trial_event_says_what_the_trial_takes() -> None:
    shadow = read(
        on_trial_event("t", "v2", VersionStage.SHADOW, PromotionPlan(VersionStage.SHADOW, 0.0, 100), 9)
    )
    assert (shadow.kind, shadow.details["state"]) == (EventKind.TRIAL, "shadow")
    assert shadow.message == "t: v2 is scored in shadow until 100 of its answers are checked"
    canary = on_trial_event("t", "v2", VersionStage.CANARY, PromotionPlan(VersionStage.CANARY, 0.1, 59), 9)
    assert canary.message == "t: v2 answers 10% of the requests until 59 of its answers are checked"
    waiting = on_trial_event("t", "v2", VersionStage.SHADOW, PromotionPlan(VersionStage.SHADOW), 9)
    assert waiting.message == "t: v2 is scored in shadow until the pin is lifted"
