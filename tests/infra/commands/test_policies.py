"""What an operator does with versions, on a real Kafka and Redis: each move is made, kept and told."""

import json
from pathlib import Path

from schemas.events import EventKind
from streams.versions.breaker import after_alarm
from streams.versions.lifecycle import VersionStage
from streams.versions.promotion import FOR_APPROVAL, PromotionPlan
from tests.infra.commands.room import TASK, Room


def test_rollback_and_close_breaker(room: Room) -> None:
    for number in (1, 2, 3):
        room.publish(number)
    assert room.run("policies", "rollback", TASK, "--reason", "v3 is odd").status == 0
    serving_state = room.serving_state()
    assert serving_state.active is not None
    assert serving_state.active.version == "v2"
    assert room.states() == {"v1": "retired", "v2": "live", "v3": "rolled_back"}
    for version, why in (
        ("v1", "files of v1 are gone"),
        ("v9", "no version v9"),
        ("v2", "v2 is live already"),
    ):
        ended = room.run("policies", "promote", TASK, version)
        assert (ended.status, why in ended.err) == (1, True), ended.err
    room.asked(
        lambda registry: registry.change(
            TASK, lambda found: after_alarm(found, "v2", None, 5, "alarm", 2_000)
        )
    )
    assert "breaker open: alarm" in room.run("status").out
    assert room.run("policies", "close-breaker", TASK, "--reason", "the teacher was wrong").status == 0
    assert not room.serving_state().breaker.stops("v2")
    assert room.run("policies", "close-breaker", TASK).status == 1
    assert [(event.kind, event.task) for event in room.events()] == [
        (EventKind.ROLLBACK, TASK),
        (EventKind.BREAKER_CLOSED, TASK),
    ]
    assert "v3 is odd" in room.events()[0].message
    assert "the teacher was wrong" in room.events()[1].message
    shown = json.loads(room.run("policies", "show", TASK, "v3").out)
    assert [move["after"] for move in shown["history"]] == ["live", "rolled_back"]
    assert shown["manifest"]["task"] == TASK
    dropped = json.loads(room.run("policies", "show", TASK, "v1").out)
    assert (dropped["manifest"], [move["after"] for move in dropped["history"]]) == (
        None,
        ["live", "retired"],
    )
    assert room.run("policies", "show", TASK, "v9").status == 1


def test_pin_unpin_and_promote(
    room: Room,
) -> None:
    room.publish(1)
    assert room.run("policies", "pin", TASK, "--reason", "release").status == 0
    assert room.run("policies", "pin", TASK).status == 1
    room.publish(2)
    told = room.run("status").out
    assert "on trial: v2 in shadow" in told
    assert "pinned: release" in told
    assert room.run("policies", "unpin", TASK, "--reason", "released").status == 0
    assert room.states() == {"v1": "retired", "v2": "live"}
    room.publish(3, PromotionPlan(VersionStage.CANARY, 0.1, 59))
    assert room.run("policies", "promote", TASK, "v3").status == 0
    assert room.states()["v3"] == "live"
    room.publish(4, PromotionPlan(VersionStage.CANARY, 0.1, 59))
    room.publish(5)
    never_live = room.run("policies", "rollback", TASK)
    assert (never_live.status, "was live before" in never_live.err) == (1, True)
    assert (room.states()["v4"], room.states()["v5"]) == ("retired", "live")
    kinds = [event.kind for event in room.events()]
    assert kinds == [EventKind.PINNED, EventKind.UNPINNED, EventKind.PROMOTED, EventKind.PROMOTED]
    assert "v2: retired since" in room.run("policies", "list", TASK).out


def test_a_task_without_a_policy_is_refused(room: Room) -> None:
    for command in ("pin", "unpin", "close-breaker", "rollback"):
        ended = room.run("policies", command, "nobody")
        assert (ended.status, "nobody" in ended.err or "kept" in ended.err) == (1, True), ended.err
    listed = room.run("policies", "list", "nobody")
    assert (listed.status, listed.out) == (1, "")
    assert "nobody knows a task nobody" in listed.err


def test_a_person_approves_or_refuses_what_waits(room: Room) -> None:
    room.publish(1)
    room.publish(2, FOR_APPROVAL)
    assert f"v2 waits for approval: `understudy policies approve {TASK} v2`" in room.run("status").out
    assert "v2: approval since" in room.run("policies", "list", TASK).out
    unnamed = room.run("policies", "approve", TASK, "v2", "--by", "ann")
    assert (unnamed.status, "--why" in unnamed.err) == (2, True), unnamed.err
    assert room.run("policies", "promote", TASK, "v2").status == 1
    refused = room.run("policies", "refuse", TASK, "v2", "--why", "odd", "--by", "ann")
    assert (refused.status, "refused by ann: odd" in refused.out) == (0, True), refused.err
    assert "the newest version does not go live" in room.run("status").out
    late = room.run("policies", "promote", TASK, "v2")
    assert (late.status, "v2 was not approved" in late.err) == (1, True), late.err
    room.publish(3, FOR_APPROVAL)
    assert room.run("policies", "approve", TASK, "v3", "--why", "good", "--by", "ben").status == 0
    assert room.states() == {"v1": "retired", "v2": "refused", "v3": "live"}
    refusal, approval = room.events()
    assert (refusal.kind, approval.kind) == (EventKind.REFUSED, EventKind.PROMOTED)
    assert approval.details["moves"][-1]["by"] == "ben"


def test_what_fails_the_battery_goes_live_by_no_command_but_rollback(room: Room, tmp_path: Path) -> None:
    room.publish(1)
    room.publish(2)
    cases = tmp_path / "cases.jsonl"
    right = {
        "id": "track",
        "text": "thanks order 1234 since Monday where is my parcel",
        "label": "track",
        "must_answer": True,
    }
    wrong = right | {"id": "moved", "label": "address"}
    cases.write_text("\n".join(map(json.dumps, (right, wrong))))
    assert "2 cases added, 2 of 1,000" in room.run("battery", "add", TASK, str(cases)).out
    asked = room.run("battery", "run", TASK)
    assert (asked.status, "FAILS  moved: is 'address', and it answers 'track'" in asked.out) == (1, True)
    assert "v2: 1 of 2 cases pass" in asked.out
    room.publish(3, FOR_APPROVAL)
    for command in (
        ("policies", "approve", TASK, "v3", "--why", "good", "--by", "ann"),
        ("policies", "promote", TASK, "v2"),
    ):
        ended = room.run(*command)
        assert (ended.status, "moved is 'address', and it answers 'track'" in ended.err) == (1, True), (
            ended.err
        )
        assert "where is my parcel" not in ended.err, "texts of cases are for `battery run` alone"
    assert room.states()["v3"] == "approval"
    assert room.run("battery", "remove", TASK, "moved").status == 0
    assert room.run("battery", "run", TASK, "v3").status == 0
    assert room.run("policies", "approve", TASK, "v3", "--why", "good", "--by", "ann").status == 0
    assert room.run("battery", "add", TASK, str(cases)).status == 0
    back = room.run("policies", "rollback", TASK)
    assert (back.status, "a rollback goes ahead all the same: v2" in back.err) == (0, True), back.err
    assert "moved: must be answered 'address'" in room.run("battery", "list", TASK).out
    assert "removed" in room.run("battery", "remove", TASK, "--all").out
