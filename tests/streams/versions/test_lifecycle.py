"""Every move of a version is in the table, and what is not in it is refused."""

import itertools

import msgspec
import pytest

from streams.errors import TransitionRefused
from streams.versions.lifecycle import Transition, VersionStage, never_approved, stages

ALLOWED = {
    (None, "refused"), (None, "shadow"), (None, "canary"), (None, "approval"), (None, "live"),
    ("refused", "refused"), ("refused", "shadow"), ("refused", "canary"), ("refused", "approval"),
    ("refused", "live"),
    ("shadow", "live"), ("shadow", "approval"), ("shadow", "refused"), ("shadow", "retired"),
    ("canary", "live"), ("canary", "approval"), ("canary", "rolled_back"), ("canary", "retired"),
    ("approval", "live"), ("approval", "refused"), ("approval", "retired"),
    ("live", "retired"), ("live", "rolled_back"),
    ("retired", "live"), ("rolled_back", "live"),
}  # fmt: skip


def move(before: VersionStage | None, after: VersionStage, version: str = "v1") -> Transition:
    return Transition(version, before, after, 5, "operator", "because")


@pytest.mark.parametrize(("before", "after"), list(itertools.product([None, *VersionStage], VersionStage)))
def test_transitions_follow_the_table(before: VersionStage | None, after: VersionStage) -> None:
    if (before, after) in ALLOWED:
        assert move(before, after).after is after
        return
    with pytest.raises(TransitionRefused, match=f"v1 is {before or 'unknown'}.*{after}"):
        move(before, after)


def test_a_history_gives_each_version_s_stage() -> None:
    moves = [
        move(None, VersionStage.LIVE),
        move(None, VersionStage.SHADOW, "v2"),
        move(VersionStage.LIVE, VersionStage.RETIRED),
    ]
    read = [msgspec.json.decode(msgspec.json.encode(one), type=Transition) for one in moves]
    assert read == moves
    assert stages(read) == {"v1": VersionStage.RETIRED, "v2": VersionStage.SHADOW}


def test_who_waited_and_was_never_live_was_not_approved() -> None:
    fitted, approval, live = None, VersionStage.APPROVAL, VersionStage.LIVE
    moves = [
        move(fitted, approval, "v1"), move(approval, live, "v1"), move(live, VersionStage.RETIRED, "v1"),
        move(fitted, approval, "v2"), move(approval, VersionStage.REFUSED, "v2"),
        move(fitted, VersionStage.SHADOW, "v3"), move(VersionStage.SHADOW, approval, "v3"),
        move(approval, VersionStage.RETIRED, "v3"),
        move(fitted, approval, "v4"), move(approval, VersionStage.REFUSED, "v4"),
        move(VersionStage.REFUSED, live, "v4"),
    ]  # fmt: skip
    assert never_approved(moves) == {"v2", "v3"}
