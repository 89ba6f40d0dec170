"""Calls that name no task are shown by kind, and one command makes a task of them."""

import asyncio
import json

import pytest

from schemas.proposed_task import ProposedTask
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.proposed_tasks import ProposedTasks
from tests.infra.conftest import Run

PLAIN = ProposedTask("0123456789ab", "plain text", "Classify the ticket.", "large", (), 1_764_000_000_000)
LISTED = ProposedTask("ba9876543210", "json_schema", "Which?", "small", ("billing", "bug"), 1_764_000_000_000)


@pytest.fixture
def proposed(settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of servers on which calls of two kinds are proposed."""
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)

    async def propose() -> None:
        connection = Connection(redis_url)
        try:
            store = ProposedTasks(connection, settings.keys)
            await store.add({PLAIN: 7, LISTED: 12}, 1_764_000_100_000)
        finally:
            await connection.aclose()

    asyncio.run(propose())
    return settings


def test_proposed_tasks_are_accepted_or_dismissed(understudy: Run, proposed: Settings) -> None:
    shown = understudy("tasks", "proposed").out.splitlines()
    assert shown[0].startswith("ba9876543210  12 calls, the last 2025-11-24")
    assert shown[1:3] == ["  asks for json_schema: billing, bug", "  begins with 'Which?'"]
    assert shown[3].startswith("0123456789ab  7 calls")
    ended = understudy("tasks", "accept", "tickets", LISTED.hash, "--mode", "shadow")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out) == {
        "chat": {"calls": [LISTED.hash], "mode": "shadow"},
        "teacher": {"labels": ["billing", "bug"], "model": "small"},
    }
    (left,) = json.loads(understudy("tasks", "proposed", "--json").out)["proposed"]
    assert (left["hash"], left["calls"], left["last_at"]) == (PLAIN.hash, 7, 1_764_000_100_000)
    ended = understudy("tasks", "accept", "tickets", PLAIN.hash)
    config = json.loads(understudy("config", "get", "tickets").out)
    assert config["chat"]["calls"] == [LISTED.hash, PLAIN.hash]
    assert (config["chat"]["mode"], config["teacher"]["model"]) == ("shadow", "small")
    assert understudy("tasks", "proposed").out.startswith("no task is proposed")


def test_an_unknown_kind_is_refused(understudy: Run, proposed: Settings) -> None:
    for command in (("accept", "tickets"), ("dismiss",)):
        ended = understudy("tasks", *command, "ffffffffffff")
        assert (ended.status, "no calls ffffffffffff are proposed" in ended.err) == (1, True)
    assert understudy("tasks", "dismiss", PLAIN.hash).status == 0
    (left,) = json.loads(understudy("tasks", "proposed", "--json").out)["proposed"]
    assert left["hash"] == LISTED.hash


def test_what_a_task_has_already_stays(understudy: Run, proposed: Settings) -> None:
    understudy("config", "set", "tickets", "teacher.labels=billing,other", "teacher.model=mine")
    ended = understudy("tasks", "accept", "tickets", LISTED.hash)
    assert "do not list all of `teacher.labels`" in ended.err
    assert json.loads(ended.out)["teacher"] == {"labels": ["billing", "other"], "model": "mine"}
