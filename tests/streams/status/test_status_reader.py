"""The reader of statuses says what Redis has, and what nobody has said yet."""

import pytest
from msgspec.structs import replace

from models.artifact import Artifact
from models.manifest import Manifest
from schemas.config import Config
from schemas.redis_keys import Keys
from streams.errors import StateUnreadable
from streams.state.connection import Connection
from streams.status.status_reader import StatusReader
from streams.status.task_status import TaskStatus


async def test_before_the_first_heartbeat_nothing_is_deferred(connection: Connection, keys: Keys) -> None:
    """And no number in the JSON is infinite, which would be null."""
    guard = await StatusReader(connection, keys, 10).guard()
    assert (guard.unseen, guard.is_fresh, guard.stops(600.0)) == (True, False, False)
    assert guard.age == 0.0


@pytest.mark.parametrize("reads", ["another format", "another embedder"])
async def test_a_policy_of_a_newer_release_is_unreadable_state_of_its_task(
    connection: Connection, keys: Keys, artifact: Artifact, reads: str
) -> None:
    """Then the others are shown, and the reader of all tasks goes on."""
    raw = b'{"format": 1000}'
    if reads == "another embedder":
        raw = replace(Manifest.decode(artifact.manifest), embedder="text>crystal:/ball").encode()
    live = ["version", "v1", "token", "1", "since", "1"]
    await connection.redis.hset(keys.active("shop"), items=live)
    await connection.redis.set(keys.manifest("shop", "v1"), raw)
    reader = StatusReader(connection, keys, 10)
    with pytest.raises(StateUnreadable, match="task=shop version=v1"):
        await reader.status_of("shop", Config(), await reader.guard())


async def test_many_tasks_are_read_as_each_is_alone(
    connection: Connection, keys: Keys, artifact: Artifact
) -> None:
    """One that can't be read, for its policy or for a key of another type, concerns no other."""
    redis, reader = connection.redis, StatusReader(connection, keys, 10)
    names = [f"task-{number}" for number in range(60)]
    for number, name in enumerate(names):
        await redis.hset(keys.active(name), items=["version", "v1", "token", "1", "since", "1"])
        await redis.set(keys.manifest(name, "v1"), artifact.manifest)
        await redis.hset(keys.audits(name, "v1"), items=["n", str(number), "k", str(number), "pending", "3"])
        await redis.hset(keys.teacher(name), items=["asked_again", "9", "said_the_same", "8"])
    await redis.set(keys.manifest("task-7", "v1"), b'{"format": 1000}')
    await redis.set(keys.service("task-8"), "no hash")
    await redis.hset(keys.audits("task-9", "v1"), "n", "many")
    await redis.set(keys.certifying("task-10"), "some")
    await redis.hset(keys.teacher("task-11"), "asked_again", "often")
    configs = {name: Config() for name in [*names, "unfitted"]}
    guard = await reader.guard()
    found = await reader.statuses(configs, guard)
    unreadable = {name for name, status in found.items() if isinstance(status, StateUnreadable)}
    assert unreadable == {f"task-{number}" for number in range(7, 12)}
    assert found["unfitted"] is None
    for name in ("task-0", "task-59"):
        assert found[name] == await StatusReader(connection, keys, 10).status_of(name, configs[name], guard)
    status = found["task-59"]
    assert isinstance(status, TaskStatus)
    assert (status.audits, status.pending, status.asked_again) == (59, 3, 9)
    assert connection.is_available


async def test_a_policy_is_read_again_once_another_is_live_or_the_config_has_changed(
    connection: Connection, keys: Keys, artifact: Artifact
) -> None:
    redis, reader = connection.redis, StatusReader(connection, keys, 10)
    await redis.hset(keys.active("t"), items=["version", "v1", "token", "1", "since", "1"])
    await redis.set(keys.manifest("t", "v1"), artifact.manifest)
    guard = await reader.guard()
    first = await reader.status_of("t", Config(), guard)
    assert first is not None
    await redis.delete(keys.manifest("t", "v1"))
    assert await reader.status_of("t", Config(), guard) == first, "it is known"
    assert await reader.status_of("t", Config(target_agreement=0.9), guard) is None, "it is looked up again"
    await redis.set(keys.manifest("t", "v2"), artifact.manifest)
    await redis.hset(keys.active("t"), items=["version", "v2", "token", "2", "since", "2"])
    second = await reader.status_of("t", Config(), guard)
    assert second is not None
    assert (first.version, second.version) == ("v1", "v2")
