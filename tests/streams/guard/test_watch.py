"""What decides follows the guard, and by its own clock where Redis says nothing."""

import logging
from typing import Any, cast

import pytest

from streams.errors import StateUnavailable
from streams.guard.watch import GuardWatch
from streams.state.guard import GuardStore
from streams.tasks import Tasks
from streams.versions.guard_state import Guard


class ScriptedGuard:
    """Redis, as far as the guard is concerned: `found` is what it says, or that it is away."""

    def __init__(self) -> None:
        self.found: Guard | StateUnavailable | None = Guard()

    async def read(self) -> Guard | None:
        if isinstance(self.found, StateUnavailable):
            raise self.found
        return self.found


class Watched:
    """Two tasks, of which one never stops answering, and a clock that the test turns."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.redis, self.tasks = ScriptedGuard(), Tasks()
        limits: dict[str, Any] = {"strict": 300.0, "loose": "never"}
        for name, limit in limits.items():
            self.tasks.configure(name, {"guard_staleness": limit})
        store = cast("GuardStore", self.redis)
        self._watch = GuardWatch(self.tasks, store, 1.0, lambda: self.seconds)

    async def unguarded_after(self, seconds: float) -> set[str]:
        self.seconds += seconds
        await self._watch.look()
        return {name for name in self.tasks.names() if self.tasks.task(name).unguarded}


@pytest.mark.parametrize("silence", [None, StateUnavailable("Redis is away")])
async def test_silence_ages_by_this_process_s_clock(silence: StateUnavailable | None) -> None:
    watched = Watched()
    assert await watched.unguarded_after(500.0) == set()
    watched.redis.found = silence
    assert await watched.unguarded_after(299.0) == set()
    assert await watched.unguarded_after(2.0) == {"strict"}
    watched.redis.found = Guard(3.0)
    assert await watched.unguarded_after(1.0) == set()


async def test_a_start_without_any_heartbeat_audits_more_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """How long nobody has counted is not known, so nothing is certified from the first request on."""
    watched = Watched()
    watched.redis.found = StateUnavailable("Redis is away")
    watched.tasks.configure("strict", {"guard_staleness": 300.0, "audit_rate": "auto", "audit_early": 0.0})
    assert await watched.unguarded_after(0.0) == set()
    assert not watched.tasks.guard.is_fresh
    assert not caplog.messages
    assert await watched.unguarded_after(299.0) == set()
    assert "no heartbeat of certify has been seen yet" in caplog.text
    assert await watched.unguarded_after(2.0) == {"strict"}
    watched.redis.found = Guard(3.0)
    assert await watched.unguarded_after(1.0) == set()
    assert watched.tasks.guard.is_fresh


async def test_answers_end_when_certify_falls_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watched = Watched()
    watched.redis.found = Guard(400.0)
    assert await watched.unguarded_after(1.0) == {"strict"}
    assert await watched.unguarded_after(1.0) == {"strict"}
    deferred = [text for text in caplog.messages if "everything is deferred" in text]
    assert len(deferred) == 1
    assert "task=strict" in deferred[0]
    watched.redis.found = Guard(0.0)
    assert await watched.unguarded_after(1.0) == set()
    assert caplog.messages[-2:] == [
        "certify counts all audits again: seconds=2.0",
        "the task is answered again: seconds=2.0 task=strict",
    ]


async def test_a_task_that_cannot_be_read_is_not_told_as_uncounted(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watched.tasks.set_readable("loose", False)
    assert await watched.unguarded_after(1.0) == {"loose"}
    assert not caplog.messages


async def test_the_first_look_comes_before_the_first_answer() -> None:
    """And a long `poll` is none of the guard's."""
    tasks, redis, seconds = Tasks(), ScriptedGuard(), iter([0.0] * 9)
    tasks.configure("t", {"guard_staleness": 300.0})
    redis.found = Guard(10_800.0)
    watch = GuardWatch(tasks, cast("GuardStore", redis), 3600.0, lambda: next(seconds))
    assert watch._poll == 5.0
    async with watch:
        assert tasks.task("t").unguarded


async def test_a_task_that_comes_later_is_guarded_too() -> None:
    watched = Watched()
    watched.redis.found = Guard(400.0)
    await watched.unguarded_after(0.0)
    watched.tasks.configure("late", {"guard_staleness": 300.0})
    assert watched.tasks.task("late").unguarded
    assert not watched.tasks.task("unknown").unguarded, "its limit is the default, 600 s"
