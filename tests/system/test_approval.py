"""A version on its way: a battery refuses it, a person approves it, and a pack proves its certificate."""

import json
from pathlib import Path

from infra.audit_pack.archive import read_archive
from infra.audit_pack.contents import AUDITS
from schemas.codec import EVENT
from schemas.events import Event, EventKind
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.versions import connected
from tests.system.wishes import TASK, answers, wishes

SETTINGS = {
    "promotion": "approve",
    "audit_rate": 1.0,
    "repeat_rate": 0.0,
    "target_agreement": 0.9,
    "delta": 0.2,
    "refit": {"at_least": 300, "quiet": 0.0},
}
LATER = 300


def test_from_a_refused_refit_to_a_pack_that_verifies(deployment: Deployment, tmp_path: Path) -> None:
    deployment.configure(TASK, **SETTINGS)
    case = {"id": "parcel", "text": "thanks order 1234 since Monday where is my parcel", "label": "refund"}
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps(case))
    succeed(deployment, "battery", "add", TASK, str(cases))
    learned, more, later = wishes(500, "learned"), wishes(400, "more"), wishes(LATER, "later")
    deployment.worker("route", "learn", "certify", "trainer")
    with (
        GoldTeacher(deployment, answers([*learned, *more, *later])),
        Inbox(deployment, deployment.topics.events, decoded(EVENT)) as events,
    ):
        deployment.send(learned)
        refused = await_event(events, EventKind.REFUSED, "task's battery")
        assert "parcel is 'refund', and it answers 'track'" in refused.message
        assert "the last fit was refused" in succeed(deployment, "status")

        cases.write_text(json.dumps(case | {"label": "track", "must_answer": True}))
        succeed(deployment, "battery", "add", TASK, str(cases))
        deployment.send(more)
        waiting = await_event(events, EventKind.TRIAL, "waits for approval")
        version = waiting.details["version"]
        assert "policies approve" in succeed(deployment, "status")
        succeed(deployment, "battery", "run", TASK, version)
        succeed(deployment, "policies", "approve", TASK, version, "--why", "looked at it", "--by", "ann")
        await_event(events, EventKind.PROMOTED, "approved by ann: looked at it")

        deployment.send(later)
        wait_until(lambda: counted(deployment, version) > 200, 120, "audits of the version")
        pack = tmp_path / "pack.zip"

        def is_equal() -> bool:
            succeed(deployment, "audit-pack", "write", TASK, "--out", str(pack))
            return deployment.run("audit-pack", "verify", str(pack)).returncode == 0

        wait_until(is_equal, 120, "all audits to be counted, and a pack that verifies")
    deployment.stop()
    assert "equal: " in succeed(deployment, "audit-pack", "verify", str(pack))
    files, _ = read_archive(pack)
    assert b'"text":null' in files[AUDITS]
    assert b'"text":"' not in files[AUDITS], "texts are only there where they were asked for"
    pack.write_bytes(pack.read_bytes()[:-100])
    assert deployment.run("audit-pack", "verify", str(pack)).returncode == 2


def succeed(deployment: Deployment, *arguments: str) -> str:
    ended = deployment.run(*arguments)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout


def await_event(events: Inbox[Event], kind: EventKind, part: str) -> Event:
    def found() -> list[Event]:
        return [event for event in events.collect() if event.kind is kind and part in event.message]

    wait_until(lambda: bool(found()), 240, f"an event {kind} with `{part}`")
    return found()[0]


def counted(deployment: Deployment, version: str) -> int:
    async def count(connection: Connection) -> int:
        return (await AuditStore(connection, deployment.keys).status(TASK, version)).audits

    return connected(deployment, count)
