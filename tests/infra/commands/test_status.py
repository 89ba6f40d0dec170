"""status on embedded servers: tasks without a policy, backlog, and no traceback where nothing runs."""

import asyncio
import json

import pytest

from schemas.codec import LABEL
from schemas.messages import Label, Reason
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import write_messages
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.running_refits import RunningRefit, RunningRefits
from tests.infra.conftest import Run


def note_refit(redis_url: str, settings: Settings, refit: RunningRefit) -> None:
    """As a trainer says that it runs one."""

    async def note() -> None:
        connection = Connection(redis_url)
        await RunningRefits(connection, settings.keys).note("shop", refit, 60.0)
        await connection.aclose()

    asyncio.run(note())


def test_status_lists_tasks_without_a_policy(
    understudy: Run, settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    assert "no task yet" in understudy("status").out
    now = unix_ms()
    label = Label("r", "shop", "track", "teacher", Reason.NO_POLICY, now, now)
    write_messages(settings, [Outgoing(settings.topics.labels, b"k", LABEL.encode(label))])
    note_refit(redis_url, settings, RunningRefit(now, 1_200, "gate"))
    shown = understudy("status")
    assert shown.status == 0, shown.err
    assert "shop\n  answers     the teacher answers everything: traces are collected" in shown.out
    assert "1 label in the last" in shown.out
    assert "refit       a refit on 1,200 traces runs for " in shown.out
    assert " s: gate\n" in shown.out
    assert "backlog: ? requests wait for `route`" in shown.out
    found = json.loads(understudy("status", "--json").out)
    assert (found["tasks"], [one["task"] for one in found["without_policy"]]) == ([], ["shop"])
    assert found["without_policy"][0]["traffic"]["coverage"] == 0
    assert found["without_policy"][0]["refit"] == {"since": now, "traces": 1_200, "doing": "gate"}
    counts = dict.fromkeys(("requests", "deferrals", "audits", "waiting", "encodings"))
    oldest: dict[str, object] = {"deferrals": {}, "audits": {}, "waiting": {}}
    assert found["backlog"] == {**counts, "oldest": oldest}


def test_one_task_is_shown_alone(
    understudy: Run, settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    now = unix_ms()
    labels = [
        Label("r", task, "x", "teacher", Reason.NO_POLICY, at, at)
        for task, at in (("shop", now), ("toys", now), ("quiet", 1))
    ]
    write_messages(settings, [Outgoing(settings.topics.labels, b"k", LABEL.encode(one)) for one in labels])
    shown = understudy("status", "toys")
    assert shown.status == 0, shown.err
    assert shown.out.startswith("toys\n")
    assert "shop" not in shown.out
    assert "backlog: " in shown.out
    assert understudy("status", "quiet").out.startswith("quiet\n")
    found = json.loads(understudy("status", "toys", "--json").out)
    assert [one["task"] for one in found["without_policy"]] == ["toys"]
    assert len(json.loads(understudy("status", "--json").out)["without_policy"]) == 2


def test_what_is_drawn_again_is_what_status_says(
    understudy: Run, settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    monkeypatch.setattr("infra.console.redraw.time.sleep", interrupt)
    now = unix_ms()
    label = Label("r", "shop", "track", "teacher", Reason.NO_POLICY, now, now)
    write_messages(settings, [Outgoing(settings.topics.labels, b"k", LABEL.encode(label))])
    watched, top = understudy("status", "--watch", "5"), understudy("top")
    assert (watched.status, top.status) == (0, 0), watched.err + top.err
    assert "shop\n  answers     the teacher answers everything: traces are collected" in watched.out
    assert [one.split()[:2] for one in top.out.splitlines() if one.startswith("shop ")] == [["shop", "none"]]
    assert understudy("status", "--watch", "5", "--json").status == 2
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", "redis://:secret@127.0.0.1:1/0")
    away = understudy("top")
    assert away.status not in {0, 130}
    assert "secret" not in away.out + away.err
