"""status shows what can be read, and names what can't."""

import asyncio
import secrets

import pytest

from infra.serve.status import task_statuses
from schemas.redis_keys import Keys
from streams.settings import Settings
from streams.state.connection import Connection


def test_an_unreadable_task_is_named_and_hides_no_other(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(redis={"url": redis_url}, prefix=f"test-{secrets.token_hex(8)}")
    asyncio.run(_break_tasks(settings, settings.keys))
    assert task_statuses(settings, {}) == []
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told] == ["not shown", "not shown"]
    assert "task=a" in told[0]
    assert "task=b" in told[1]


async def _break_tasks(settings: Settings, keys: Keys) -> None:
    """A newer release has put candidates on a trial that this one does not know."""
    connection = Connection(**settings.redis)
    for task in ("a", "b"):
        await connection.redis.sadd(keys.tasks, task)
        await connection.redis.hset(keys.candidate(task), items=["version", "v2", "mode", "rainbow"])
    await connection.aclose()
