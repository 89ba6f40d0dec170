"""certificate tells a task's history as it stands in Redis, and nothing of a task that was removed."""

import asyncio
import json

import pytest

from infra.harness.deployment import fresh_prefix
from schemas.config import Config
from schemas.messages import Teacher
from schemas.redis_keys import Keys
from streams.certify.observations import AuditReply, LogPosition, Observations, TraceSeen
from streams.certify.step import step
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from streams.state.task_removal import remove_task
from tests.infra.conftest import Run

TASK = "parcels"
NOW = 1_700_000_000_000
CONFIG = Config(target_agreement=0.9)


@pytest.fixture
def keys(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Those of a deployment whose Redis is there, and whose Kafka no read of certificates needs."""
    prefix = fresh_prefix("certificate")
    monkeypatch.setenv("UNDERSTUDY_PREFIX", prefix)
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", redis_url)
    monkeypatch.setenv("UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    return Keys(prefix)


async def count_audits(redis_url: str, keys: Keys, outcomes: list[tuple[str, bool]]) -> None:
    """Fold one audit a second, each of a version, as `certify` does."""
    connection = Connection(redis_url)
    audits = AuditStore(connection, keys)
    for offset, (version, agreed) in enumerate(outcomes):
        now = NOW + 1_000 * offset
        reply = AuditReply(f"r{offset}", now, now, "yes", agreed)
        seen = TraceSeen(LogPosition("traces:0", offset), Teacher("m", "p"), now, version, reply)
        observed = Observations(answered=[seen])
        ids = {name: observed.requests.get(name, ()) for name in ("v1", "v2")}
        reading = await audits.read(TASK, ids, now - 1)
        outcome = step(TASK, reading.snapshot, observed, CONFIG, now + 10_000_000, complete=True)
        assert await audits.write(TASK, reading, outcome)
    await connection.aclose()


async def forget(redis_url: str, keys: Keys) -> None:
    """Begin the task anew, as one that is known."""
    connection = Connection(redis_url)
    await remove_task(connection, keys, TASK)
    await connection.redis.sadd(keys.tasks, TASK)
    await connection.aclose()


def test_the_history_of_a_task_is_told(understudy: Run, redis_url: str, keys: Keys) -> None:
    asyncio.run(forget(redis_url, keys))
    none = understudy("certificate", TASK)
    assert (none.status, none.out) == (0, f"{TASK}: no audits yet, so nothing was certified\n")
    lost = [("v1", True)] * 120 + [("v1", False)] * 30
    asyncio.run(count_audits(redis_url, keys, [*lost, *[("v2", True)] * 10]))
    ended = understudy("certificate", TASK)
    assert ended.status == 0, ended.err
    first, second, uncounted = ended.out.splitlines()
    assert first.startswith("v1 lost its certificate at 20")
    assert "150 audits, 30 disagree, which proves at least " in first
    assert second.startswith("v2 not certified yet: 10 audits, 0 disagree, which proves")
    assert "counts no audits now" in uncounted, "nobody says that audits are counted"
    shown = json.loads(understudy("certificate", TASK, "--json").out)
    assert (shown["task"], shown["counted"]) == (TASK, False)
    old = shown["versions"][0]
    states = [point["state"] for point in old["points"]]
    assert list(dict.fromkeys(states)) == ["not_yet", "certified", "lost"]
    assert [point["audits"] for point in old["points"]] == list(range(1, 151))
    certified = [point for point in old["points"] if point["state"] == "certified"]
    assert all(point["lower"] > 0.9 == point["target"] for point in certified)
    assert old["lost_at"] == next(p["at"] for p in old["points"] if p["state"] == "lost")
    assert old["certified_since"] is None
    table = understudy("certificate", TASK, "--table").out
    rows = [line.split() for line in table.splitlines() if line.startswith("v1 ") and " lost " in line]
    assert 1 <= len(rows) <= 20
    asyncio.run(forget(redis_url, keys))
    assert json.loads(understudy("certificate", TASK, "--json").out)["versions"] == []


def test_bad_input_and_an_unreachable_redis_end_in_a_sentence(
    understudy: Run, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys.prefix
    refused = understudy("certificate", "no task")
    assert (refused.status, "can't be the name of a task" in refused.err) == (2, True)
    monkeypatch.setenv("UNDERSTUDY_REDIS__URL", "redis://127.0.0.1:1/0")
    away = understudy("certificate", TASK)
    assert (away.status, "Redis" in away.err) == (2, True)
