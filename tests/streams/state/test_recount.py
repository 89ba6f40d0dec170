"""Of several who delete a task's counts the last one says when they may be counted again."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.recount import Recounts, is_deleting

TASK = "t"


@pytest.fixture
def recounts(connection: Connection, keys: Keys) -> Recounts:
    return Recounts(connection, keys)


async def test_counting_ends_with_the_mark_that_it_began_with(recounts: Recounts) -> None:
    await recounts.discard(TASK)
    first = (await recounts.marks())[TASK]
    await recounts.discard(TASK)
    second = (await recounts.marks())[TASK]
    assert not await recounts.end(TASK, first)
    assert await recounts.marks() == {TASK: second}
    assert await recounts.end(TASK, second)
    assert not await recounts.end(TASK, second)
    assert await recounts.marks() == {}


async def test_whoever_began_to_delete_last_ends_it(
    connection: Connection, keys: Keys, recounts: Recounts
) -> None:
    """What the earlier one says must not let anybody count what the later one still deletes."""
    step = connection.script("recount")
    names = [keys.certify(TASK), keys.service(TASK)]
    await recounts.note(TASK)
    await step(names, ["begin", "a"])
    await step(names, ["begin", "b"])
    assert not await step(names, ["deleted", "a"])
    assert is_deleting((await recounts.marks())[TASK])
    assert await step(names, ["deleted", "b"])
    assert await recounts.marks() == {TASK: "b"}


async def test_what_was_read_before_can_not_be_written_any_more(
    connection: Connection, keys: Keys, recounts: Recounts
) -> None:
    await connection.redis.hset(keys.certify(TASK), "revision", "read")
    await connection.script("recount")([keys.certify(TASK), keys.service(TASK)], ["begin", "a"])
    fold = connection.script("audits_fold")
    assert not await fold([keys.certify(TASK)], ["read", "written"])
    await recounts.discard(TASK)
    assert not await fold([keys.certify(TASK)], ["", "written"]), "also where nothing was there before"


async def test_who_was_overtaken_deletes_nothing_that_is_counted_since(
    connection: Connection, keys: Keys, recounts: Recounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = keys.audits(TASK, "v1")
    await connection.redis.hset(counts, "audits", 1)
    scan = connection.redis.scan_iter

    async def overtaken(**options: Any) -> AsyncIterator[Any]:
        async for name in scan(**options):
            monkeypatch.setattr(connection.redis, "scan_iter", scan)
            await recounts.discard(TASK)
            await connection.redis.hset(counts, "audits", 2)
            yield name

    monkeypatch.setattr(connection.redis, "scan_iter", overtaken)
    await recounts.discard(TASK)
    assert await connection.redis.hget(counts, "audits") == b"2"
    assert not is_deleting((await recounts.marks())[TASK])
