"""Every move of a version is in the table, and what is not in it is refused."""

import itertools

import msgspec
import pytest

from streams.errors import TransitionRefused
from streams.versions.lifecycle import Transition, VersionStage, stages

ALLOWED = {
    (None, "refused"), (None, "shadow"), (None, "canary"), (None, "live"),
    ("refused", "refused"), ("refused", "shadow"), ("refused", "canary"), ("refused", "live"),
    ("shadow", "live"), ("shadow", "refused"), ("shadow", "retired"),
    ("canary", "live"), ("canary", "rolled_back"), ("canary", "retired"),
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
