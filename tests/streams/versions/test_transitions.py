"""Each decision on a serving state: what it changes, what it leaves, and that it changes nothing twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.certificate import Certificate
from schemas.config import Config
from streams.errors import TransitionRefused
from streams.versions.breaker import after_alarm, alarm_concerns, restorable_versions
from streams.versions.breaker_state import Breaker
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.operator_commands import close_breaker, pin_version, put_live, unpin_version
from streams.versions.promotion import AT_ONCE, PromotionPlan, plan_of
from streams.versions.serving_state import ActiveVersion, Candidate, Pin, ServingChange, ServingState
from streams.versions.transitions import VersionOrigin, publish
from streams.versions.trial_outcome import conclude_trial

SHADOW, CANARY = PromotionPlan(VersionStage.SHADOW, 0.0, 100), PromotionPlan(VersionStage.CANARY, 0.1, 59)
PASSED = VersionOrigin("me", "passed")
LIVE = ServingState(count=3, fence=2, active=ActiveVersion("v1", 2, 10))
ON_TRIAL = replace(LIVE, candidate=Candidate("v2", SHADOW, 2, 20))
CANARYING = replace(LIVE, candidate=Candidate("v2", CANARY, 2, 20))
STOPPED = replace(LIVE, breaker=Breaker(True, ("v1",), 30, "alarm", "certify"))


def moves(change: ServingChange | None) -> list[tuple[str, VersionStage | None, VersionStage]]:
    assert change is not None
    return [(move.version, move.before, move.after) for move in change.moves]


@pytest.mark.parametrize(
    ("promotion", "plan"),
    [
        ("gate", AT_ONCE),
        ("shadow:100", SHADOW),
        ("canary:0.1", CANARY),
        ("canary:1", PromotionPlan(VersionStage.CANARY, 1.0, 59)),
    ],
)
def test_the_config_says_how_a_version_goes_live(promotion: str, plan: PromotionPlan) -> None:
    assert plan_of(Config(promotion=promotion)) == plan


def test_a_version_that_passes_goes_live() -> None:
    change = publish(LIVE, "v2", 4, AT_ONCE, 0, PASSED, 50)
    assert change.serving_state.active == ActiveVersion("v2", 4, 50)
    assert moves(change) == [("v1", VersionStage.LIVE, VersionStage.RETIRED), ("v2", None, VersionStage.LIVE)]


def test_a_new_version_closes_the_breaker_for_itself() -> None:
    change = publish(STOPPED, "v2", 4, AT_ONCE, 0, PASSED, 50)
    breaker = change.serving_state.breaker
    assert not breaker.stops("v2")
    assert breaker.stops("v1"), "a worker that can't load v2 must not go on with v1"
    assert moves(change)[0] == ("v1", VersionStage.LIVE, VersionStage.ROLLED_BACK)


@pytest.mark.parametrize("plan", [SHADOW, CANARY])
def test_a_candidate_leaves_the_live_version_alone(plan: PromotionPlan) -> None:
    change = publish(STOPPED, "v2", 4, plan, 0, PASSED, 50)
    assert change.serving_state == replace(STOPPED, candidate=Candidate("v2", plan, 4, 50))
    assert moves(change) == [("v2", None, plan.mode)]


def test_a_newer_candidate_replaces_the_older() -> None:
    assert moves(publish(ON_TRIAL, "v3", 4, CANARY, 0, PASSED, 50)) == [
        ("v2", VersionStage.SHADOW, VersionStage.RETIRED),
        ("v3", None, VersionStage.CANARY),
    ]
    assert moves(publish(ON_TRIAL, "v3", 4, AT_ONCE, 0, PASSED, 50))[1:] == [
        ("v2", VersionStage.SHADOW, VersionStage.RETIRED),
        ("v3", None, VersionStage.LIVE),
    ]


def test_an_alarm_opens_the_breaker_once() -> None:
    change = after_alarm(LIVE, "v1", None, 40, "alarm", 50)
    assert change is not None
    after = change.serving_state
    assert (after.breaker.open, after.breaker.against, after.certify_from) == (True, ("v1",), 40)
    assert (after.active, moves(change)) == (LIVE.active, [])
    assert after_alarm(after, "v1", None, 60, "alarm", 70) is None


def test_an_alarm_restores_a_certified_version() -> None:
    change = after_alarm(ON_TRIAL, "v1", "v0", 40, "alarm", 50)
    assert change is not None
    after = change.serving_state
    assert after.active == ActiveVersion("v0", 2, 50)
    assert (after.breaker.open, after.breaker.stops("v0"), after.breaker.stops("v1")) == (False, False, True)
    assert after.candidate is None
    assert moves(change) == [
        ("v1", VersionStage.LIVE, VersionStage.ROLLED_BACK),
        ("v2", VersionStage.SHADOW, VersionStage.RETIRED),
        ("v0", VersionStage.RETIRED, VersionStage.LIVE),
    ]
    assert after_alarm(after, "v1", None, 40, "alarm", 50) is None


def test_an_alarm_ends_a_trial_in_progress() -> None:
    change = after_alarm(ON_TRIAL, "v1", None, 40, "alarm", 50)
    assert moves(change) == [("v2", VersionStage.SHADOW, VersionStage.RETIRED)]
    assert change is not None
    assert change.serving_state.candidate is None


def test_a_fit_from_before_the_alarm_is_refused() -> None:
    stopped = replace(STOPPED, certify_from=40)
    with pytest.raises(TransitionRefused, match="alarm during the fit"):
        publish(stopped, "v2", 4, AT_ONCE, 39, PASSED, 50)
    assert publish(stopped, "v2", 4, AT_ONCE, 40, PASSED, 50).serving_state.active == ActiveVersion(
        "v2", 4, 50
    )


def test_a_stopped_version_is_not_restored() -> None:
    stopped = replace(LIVE, breaker=Breaker(False, ("v0",), 20))
    change = after_alarm(stopped, "v1", "v0", 40, "alarm", 50)
    assert change is not None
    assert change.serving_state.breaker.open


def test_a_canary_s_alarm_leaves_the_live_version() -> None:
    change = after_alarm(CANARYING, "v2", "v0", 40, "alarm", 50)
    assert change is not None
    assert change.serving_state == LIVE
    assert moves(change) == [("v2", VersionStage.CANARY, VersionStage.ROLLED_BACK)]
    assert not alarm_concerns(ON_TRIAL, "v2"), "a version in shadow answers nothing"


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        (Certificate(99, 99), []),
        (
            Certificate(100, 95),
            [("v1", VersionStage.LIVE, VersionStage.RETIRED), ("v2", VersionStage.SHADOW, VersionStage.LIVE)],
        ),
        (
            Certificate(100, 91),
            [("v1", VersionStage.LIVE, VersionStage.RETIRED), ("v2", VersionStage.SHADOW, VersionStage.LIVE)],
        ),
        (Certificate(100, 90), [("v2", VersionStage.SHADOW, VersionStage.REFUSED)]),
    ],
)
def test_a_complete_trial_ends_by_an_exact_test(
    trial: Certificate, expected: list[tuple[str, VersionStage, VersionStage]]
) -> None:
    change = conclude_trial(ON_TRIAL, "v2", trial, 0.95, 0.05, 50)
    assert (moves(change) if change else []) == expected
    if change is not None:
        assert conclude_trial(change.serving_state, "v2", trial, 0.95, 0.05, 60) is None
    assert conclude_trial(ON_TRIAL, "v3", trial, 0.95, 0.05, 50) is None
    assert conclude_trial(replace(ON_TRIAL, pin=Pin(1, "wait", "me")), "v2", trial, 0.95, 0.05, 50) is None


def test_a_promoted_candidate_closes_the_breaker() -> None:
    change = conclude_trial(
        replace(STOPPED, candidate=ON_TRIAL.candidate), "v2", Certificate(100, 99), 0.95, 0.05, 50
    )
    assert change is not None
    assert not change.serving_state.breaker.stops("v2")
    assert change.serving_state.candidate is None


def test_a_failed_canary_is_rolled_back() -> None:
    change = conclude_trial(CANARYING, "v2", Certificate(60, 40), 0.95, 0.05, 50)
    assert moves(change) == [("v2", VersionStage.CANARY, VersionStage.ROLLED_BACK)]


def test_a_pin_makes_versions_wait() -> None:
    held = pin_version(LIVE, "me", "release", 20).serving_state
    waiting = publish(held, "v2", 4, AT_ONCE, 0, PASSED, 50)
    assert moves(waiting) == [("v2", None, VersionStage.SHADOW)]
    freed = unpin_version(waiting.serving_state, "me", "done", 60)
    assert moves(freed) == [
        ("v1", VersionStage.LIVE, VersionStage.RETIRED),
        ("v2", VersionStage.SHADOW, VersionStage.LIVE),
    ]
    assert freed.serving_state.pin is None
    on_trial = unpin_version(replace(ON_TRIAL, pin=held.pin), "me", "done", 60)
    assert on_trial == ServingChange(ON_TRIAL)
    with pytest.raises(TransitionRefused, match="pinned already, by me: release"):
        pin_version(held, "you", "again", 30)
    with pytest.raises(TransitionRefused, match="not pinned"):
        unpin_version(LIVE, "me", "again", 30)


def test_an_alarm_goes_through_a_pin() -> None:
    change = after_alarm(replace(LIVE, pin=Pin(1, "wait", "me")), "v1", "v0", 40, "alarm", 50)
    assert change is not None
    assert change.serving_state.active == ActiveVersion("v0", 2, 50)


def test_an_operator_restores_a_stopped_version() -> None:
    stopped = replace(STOPPED, active=ActiveVersion("v2", 2, 40), breaker=Breaker(True, ("v1", "v2"), 50))
    change = put_live(stopped, "v1", VersionStage.ROLLED_BACK, VersionStage.ROLLED_BACK, "me", "better", 60)
    assert not change.serving_state.breaker.stops("v1")
    assert change.serving_state.breaker.stops("v2")
    assert moves(change) == [
        ("v2", VersionStage.LIVE, VersionStage.ROLLED_BACK),
        ("v1", VersionStage.ROLLED_BACK, VersionStage.LIVE),
    ]


def test_an_operator_promotes_a_candidate() -> None:
    change = put_live(ON_TRIAL, "v2", VersionStage.SHADOW, VersionStage.RETIRED, "me", "sure", 60)
    assert (change.serving_state.active, change.serving_state.candidate) == (ActiveVersion("v2", 2, 60), None)
    closed = put_live(STOPPED, "v1", VersionStage.LIVE, VersionStage.RETIRED, "me", "sure", 60)
    assert closed == close_breaker(STOPPED, "me", "sure", 60)
    assert not closed.serving_state.breaker.stops("v1")
    with pytest.raises(TransitionRefused, match="v1 is live already"):
        put_live(LIVE, "v1", VersionStage.LIVE, VersionStage.RETIRED, "me", "sure", 60)
    with pytest.raises(TransitionRefused, match="closed already"):
        close_breaker(LIVE, "me", "sure", 60)


def test_restorable_versions_come_newest_first() -> None:
    live, retired = VersionStage.LIVE, VersionStage.RETIRED
    moves = {
        "v1": (live, retired),
        "v2": (live, VersionStage.ROLLED_BACK),
        "v3": (live, retired),
        "v5": (live, retired),
        "v6": (VersionStage.SHADOW, live),
        "v7": (VersionStage.SHADOW, retired),
    }
    history = [Transition(name, *move, 1, "trainer", "why") for name, move in moves.items()]
    serving_state = replace(LIVE, active=ActiveVersion("v6", 1, 1), breaker=Breaker(False, ("v3",), 5))
    kept = ["v1", "v2", "v3", "v4", "v5", "v6", "v7"]
    assert restorable_versions(serving_state, kept, history) == ["v5", "v1"]


@given(st.integers(0, 100))
def test_a_later_breaker_change_looks_newer(now: int) -> None:
    opened = Breaker().opened("v1", 50, "alarm", "certify")
    closed = opened.closed("v1", now, "sure", "me")
    assert closed.since > opened.since
    assert not closed.stops("v1")


def test_moves_say_when_by_whom_and_why() -> None:
    (move,) = publish(replace(LIVE, active=None), "v1", 4, AT_ONCE, 0, PASSED, 50).moves
    assert move == Transition("v1", None, VersionStage.LIVE, 50, "me", "passed")
