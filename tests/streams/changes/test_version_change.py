"""What persons do with versions: the diff is what is made, and an undo brings the version back."""

from dataclasses import replace

import pytest

from schemas.operator_change import ChangedValue, ChangeKind, ChangeWish
from streams.changes.version_change import serving_diff, undo_wish
from streams.versions.breaker_state import Breaker
from streams.versions.lifecycle import VersionStage
from streams.versions.promotion import PromotionPlan
from streams.versions.serving_state import ActiveVersion, Candidate, Pin, ServingState

BEFORE = ServingState(active=ActiveVersion("v2", 1, 10))
AFTER = ServingState(active=ActiveVersion("v3", 1, 20))
CANDIDATE = Candidate("v4", PromotionPlan(VersionStage.CANARY, 0.1, 59), 1, 5)


@pytest.mark.parametrize(
    ("what", "undone"), [("promote", "rollback"), ("approve", "rollback"), ("rollback", "promote")]
)
def test_the_version_that_was_live_comes_back(what: ChangeKind, undone: ChangeKind) -> None:
    assert undo_wish(ChangeWish(what, version="v3"), BEFORE, AFTER) == ChangeWish(undone, version="v2")


def test_no_undo_brings_back_what_an_alarm_has_stopped() -> None:
    stopped = replace(BEFORE, breaker=Breaker(True, ("v2",), 5))
    assert undo_wish(ChangeWish("promote", version="v3"), stopped, AFTER) is None
    assert undo_wish(ChangeWish("close_breaker"), stopped, BEFORE) is None


def test_a_pin_is_lifted_and_set_again() -> None:
    pinned = replace(BEFORE, pin=Pin(5, "release", "ann"))
    assert undo_wish(ChangeWish("pin"), BEFORE, pinned) == ChangeWish("unpin")
    assert undo_wish(ChangeWish("unpin"), pinned, BEFORE) == ChangeWish("pin")
    assert serving_diff(BEFORE, pinned) == (ChangedValue("promotions", "free", "pinned"),)


def test_the_diff_names_all_that_changes() -> None:
    before = replace(BEFORE, candidate=CANDIDATE, breaker=Breaker(True, ("v2",), 5))
    assert serving_diff(before, AFTER) == (
        ChangedValue("live version", "v2", "v3"),
        ChangedValue("beside it", "v4 (canary)", None),
        ChangedValue("breaker", "open: everything is deferred", "closed"),
    )
    assert serving_diff(BEFORE, replace(BEFORE, active=ActiveVersion("v2", 3, 99))) == ()
