"""A version that waits for a person: nobody and nothing else takes it live, and no click undoes an alarm."""

from dataclasses import replace

import pytest

from models.certificate import Certificate
from schemas.config import Config
from streams.errors import TransitionRefused
from streams.versions.breaker import after_alarm, alarm_concerns
from streams.versions.lifecycle import VersionStage
from streams.versions.operator_commands import approve_version, put_live, refuse_version, unpin_version
from streams.versions.promotion import AT_ONCE, FOR_APPROVAL, PromotionPlan, plan_of
from streams.versions.serving_state import ActiveVersion, Candidate, Pin, ServingState
from streams.versions.transitions import FITTED_HERE, publish
from streams.versions.trial_outcome import conclude_trial

LIVE = ServingState(count=3, fence=2, active=ActiveVersion("v1", 2, 10))
WAITING = publish(LIVE, "v2", 2, FOR_APPROVAL, 15, FITTED_HERE, 20).serving_state
SHADOW = PromotionPlan(VersionStage.SHADOW, 0.0, 100)
PIN = Pin(5, "release", "ann")


def test_the_live_version_stays_until_a_person_approves() -> None:
    assert plan_of(Config(promotion="approve")) == FOR_APPROVAL
    assert WAITING.active == LIVE.active
    assert WAITING.candidate == Candidate("v2", FOR_APPROVAL, 2, 20, certify_from=15)
    assert not alarm_concerns(WAITING, "v2")
    change = approve_version(WAITING, "v2", "ann", "looked at it", 60)
    assert (change.serving_state.active, change.serving_state.candidate) == (ActiveVersion("v2", 2, 60), None)
    left, arrived = change.moves
    assert (left.version, left.after) == ("v1", VersionStage.RETIRED)
    assert (arrived.before, arrived.after) == (VersionStage.APPROVAL, VersionStage.LIVE)
    assert (arrived.at, arrived.by, arrived.reason) == (60, "ann", "approved by ann: looked at it")


def test_neither_a_trial_nor_a_pin_that_ends_nor_promote_takes_it_live() -> None:
    assert conclude_trial(WAITING, "v2", Certificate(10_000, 10_000), 0.95, 0.05, 60) is None
    assert conclude_trial(WAITING, "v2", Certificate(10_000, 0), 0.95, 0.05, 60) is None
    assert unpin_version(replace(WAITING, pin=PIN), "ann", "done", 60).serving_state == WAITING
    with pytest.raises(TransitionRefused, match="v2 waits for approval"):
        put_live(WAITING, "v2", VersionStage.APPROVAL, VersionStage.RETIRED, "ann", "now", 60)


def test_a_version_that_waits_for_a_pin_is_approved_where_that_is_asked_for_by_now() -> None:
    pinned = publish(replace(LIVE, pin=PIN), "v2", 2, AT_ONCE, 15, FITTED_HERE, 20).serving_state
    change = unpin_version(pinned, "ann", "done", 60, approval=True)
    assert change.serving_state == replace(LIVE, candidate=Candidate("v2", FOR_APPROVAL, 2, 60, 15))
    assert [(move.before, move.after) for move in change.moves] == [
        (VersionStage.SHADOW, VersionStage.APPROVAL)
    ]


def test_an_alarm_that_it_does_not_know_of_keeps_it_out() -> None:
    stopped = after_alarm(WAITING, "v1", None, 40, "alarm", 50)
    assert stopped is not None
    assert stopped.serving_state.candidate is None, "an alarm of the live version ends the wait"
    newer = replace(WAITING, certify_from=16)
    with pytest.raises(TransitionRefused, match="an alarm contradicts"):
        approve_version(newer, "v2", "ann", "looked at it", 60)
    assert approve_version(replace(WAITING, certify_from=15), "v2", "ann", "yes", 60).moves


def test_its_own_alarm_ends_the_wait_of_a_version_that_was_a_canary() -> None:
    canary = PromotionPlan(VersionStage.CANARY, 0.1, 59)
    on_trial = publish(LIVE, "v2", 2, canary, 15, FITTED_HERE, 20).serving_state
    passed = conclude_trial(on_trial, "v2", Certificate(100, 100), 0.95, 0.05, 60, approval=True)
    assert passed is not None
    change = after_alarm(passed.serving_state, "v2", "v0", 40, "alarm: late audits", 70)
    assert change is not None
    assert change.serving_state == LIVE
    assert [(move.before, move.after, move.reason) for move in change.moves] == [
        (VersionStage.APPROVAL, VersionStage.REFUSED, "alarm: late audits")
    ]


def test_what_does_not_wait_is_neither_approved_nor_refused() -> None:
    for decide in (approve_version, refuse_version):
        with pytest.raises(TransitionRefused, match="no version waits"):
            decide(LIVE, "v1", "ann", "why", 60)
        with pytest.raises(TransitionRefused, match="v3 does not wait for approval: v2 does"):
            decide(WAITING, "v3", "ann", "why", 60)
        with pytest.raises(TransitionRefused, match="no version waits"):
            decide(replace(LIVE, candidate=Candidate("v2", SHADOW, 2, 20)), "v2", "ann", "why", 60)
    with pytest.raises(TransitionRefused, match="pinned, by ann"):
        approve_version(replace(WAITING, pin=PIN), "v2", "ben", "why", 60)


def test_a_refusal_ends_the_wait_alone() -> None:
    change = refuse_version(replace(WAITING, pin=PIN), "v2", "ben", "worse on refunds", 60)
    assert change.serving_state == replace(WAITING, candidate=None, pin=PIN)
    assert [(move.after, move.reason) for move in change.moves] == [
        (VersionStage.REFUSED, "refused by ben: worse on refunds")
    ]


def test_a_newer_version_takes_the_place_of_one_that_waits() -> None:
    change = publish(WAITING, "v3", 4, FOR_APPROVAL, 30, FITTED_HERE, 60)
    assert [(move.version, move.after) for move in change.moves] == [
        ("v2", VersionStage.RETIRED),
        ("v3", VersionStage.APPROVAL),
    ]


@pytest.mark.parametrize("plan", [SHADOW, PromotionPlan(VersionStage.CANARY, 0.1, 59)])
def test_where_a_person_has_to_approve_a_passed_trial_waits_too(plan: PromotionPlan) -> None:
    on_trial = publish(LIVE, "v2", 2, plan, 15, FITTED_HERE, 20).serving_state
    change = conclude_trial(on_trial, "v2", Certificate(100, 100), 0.95, 0.05, 60, approval=True)
    assert change is not None
    assert change.serving_state == replace(LIVE, candidate=Candidate("v2", FOR_APPROVAL, 2, 60, 15))
    failed = conclude_trial(on_trial, "v2", Certificate(100, 50), 0.95, 0.05, 60, approval=True)
    assert failed is not None
    assert failed.serving_state.candidate is None


def test_a_mode_of_another_release_never_means_at_once() -> None:
    with pytest.raises(TransitionRefused, match="`promotion` is `vote:3`, which this release does not know"):
        plan_of(Config(promotion="vote:3"))
