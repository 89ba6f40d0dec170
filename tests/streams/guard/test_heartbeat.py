"""Certify says that it counts audits only where Redis holds all that its group has committed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from schemas.redis_keys import Keys
from streams.certify.topic_log import TopicLog
from streams.errors import KafkaFailed
from streams.guard.heartbeat import GuardHeartbeat
from streams.kafka.backlog import GroupProgress
from streams.state.connection import Connection
from streams.state.fold_offsets import FoldOffsets
from streams.state.guard import GuardStore

NOW = 5_000.0
READ = GroupProgress({0: 7}, {})


class ScriptedObserver:
    """What each look at a topic finds."""

    def __init__(self, find: Callable[[], GroupProgress] = lambda: READ, **committed: int) -> None:
        self._find = find
        self._committed = {int(number.lstrip("p")): offset for number, offset in committed.items()}

    def look(self) -> GroupProgress:
        return replace(self._find(), committed=self._committed)

    def close(self) -> None: ...


def traces_log() -> TopicLog:
    return TopicLog("traces", "traces", _never, _never, lambda: "", 1)


def _never() -> Any:
    raise AssertionError("the observer has looked already")


def heartbeat(
    connection: Connection,
    keys: Keys,
    *observers: ScriptedObserver,
    clock: Callable[[], float] = lambda: NOW,
) -> GuardHeartbeat:
    offsets = FoldOffsets(connection, keys)
    observed = [(traces_log(), observer) for observer in observers]
    return GuardHeartbeat(GuardStore(connection, keys), offsets, observed, clock)


async def test_the_topic_that_is_read_last_says_how_far_behind_it_is(
    connection: Connection, keys: Keys
) -> None:
    """Whatever the clocks of others say; and the time that the look itself takes counts as well."""
    await FoldOffsets(connection, keys).advance({"traces:0": 7})
    times = iter([100.0, 100.0, 220.0, 220.0, 225.0])
    slow = iter([GroupProgress({0: 9}, {0: 5}), GroupProgress({0: 20}, {0: 9})])
    beating = heartbeat(
        connection,
        keys,
        ScriptedObserver(p0=7),
        ScriptedObserver(lambda: next(slow)),
        clock=lambda: next(times),
    )
    assert not await beating.look(), "it has seen nothing yet that is read"
    assert await GuardStore(connection, keys).read() is None
    assert await beating.look()
    found = await GuardStore(connection, keys).read()
    assert found is not None
    assert 125.0 <= found.age < 130.0


async def test_lost_counts_stop_the_heartbeat_of_every_worker(connection: Connection, keys: Keys) -> None:
    """Also of one that has folded nothing of what is lost."""
    offsets = FoldOffsets(connection, keys)
    await offsets.advance({"traces:0": 7, "traces:1": 9})
    beating = heartbeat(connection, keys, ScriptedObserver(p0=7, p1=9))
    assert await beating.look()
    await connection.redis.hset(keys.folded, "traces:1", 4)
    assert not await beating.look()
    assert await offsets.begin_rebuild(await offsets.read())
    assert not await beating.look()
    await offsets.finish_rebuild({"traces:1": 9})
    assert await beating.look()


async def test_a_broker_that_does_not_answer_gives_no_heartbeat(connection: Connection, keys: Keys) -> None:
    def away() -> GroupProgress:
        raise KafkaFailed("the broker does not answer")

    with pytest.raises(KafkaFailed):
        await heartbeat(connection, keys, ScriptedObserver(away)).look()
    assert await GuardStore(connection, keys).read() is None
