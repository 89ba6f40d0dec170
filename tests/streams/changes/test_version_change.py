"""What persons do with versions: the diff is what is made, and an undo brings the version back."""

from dataclasses import replace

import pytest

from models.artifact import Artifact
from schemas.config import Config
from schemas.operator_change import ChangedValue, ChangeKind, ChangeWish, OperatorChange
from schemas.redis_keys import Keys
from streams.changes.author import ChangeAuthor
from streams.changes.version_change import change_versions, serving_diff, undo_wish
from streams.changes.version_plan import version_plan
from streams.errors import ChangeOutdated
from streams.state.connection import Connection
from streams.state.operator_changes import KEPT, OperatorChangeLog
from streams.state.registry import Registry
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
    undo = undo_wish(ChangeWish(what, version="v3"), BEFORE, AFTER)
    assert undo == ChangeWish(undone, version="v2", live="v3")


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


async def test_what_is_another_diff_by_now_is_not_made(
    connection: Connection, keys: Keys, artifact: Artifact
) -> None:
    registry, kept = Registry(connection, keys, 5), OperatorChangeLog(connection, keys)
    for number in (1, 2, 3):
        assert await registry.publish("t", f"v{number}", number, 0, artifact, number)
    wish, author = ChangeWish("rollback", version="v1"), ChangeAuthor("ann", "odd", 9)
    plan = await version_plan(registry, "t", wish, author, Config(embedder="precomputed"))
    shown = (ChangedValue("live version", "v2", "v1"),)
    with pytest.raises(ChangeOutdated):
        await change_versions(registry, kept, "t", wish, author, plan, shown)
    assert await kept.all("t") == []
    made = await change_versions(registry, kept, "t", wish, author, plan)
    assert made.made.diff == (ChangedValue("live version", "v3", "v1"),)
    assert await kept.all("t") == [made.made]


async def test_the_newest_changes_are_kept(connection: Connection, keys: Keys) -> None:
    kept = OperatorChangeLog(connection, keys)
    for at in range(KEPT + 3):
        await kept.add("t", OperatorChange(at, "ann", "why", "pin"))
    await connection.redis.rpush(keys.operator_changes("t"), b"{broken")
    found = await kept.all("t")
    assert [change.at for change in found[:2]] == [KEPT + 2, KEPT + 1]
    assert len(found) == KEPT
