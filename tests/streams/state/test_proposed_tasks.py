"""Proposed tasks are counted by kind, and there are never too many."""

from schemas.proposed_task import ProposedTask
from schemas.redis_keys import Keys
from streams.state.connection import Connection
from streams.state.proposed_tasks import CountedProposal, ProposedTasks

DAY = 86_400_000


def kind(name: str) -> ProposedTask:
    return ProposedTask(name, "plain text", "yes or {no}?", "m", ("a", "b"), 5)


async def test_calls_add_up_and_the_rarest_kinds_go(connection: Connection, keys: Keys) -> None:
    store = ProposedTasks(connection, keys, most=2)
    a, b, c = map(kind, "abc")
    await store.add({a: 3, b: 1}, 1_764_000_000_001)
    await store.add({a: 2, c: 2}, 1_764_000_000_002)
    assert await store.all() == [
        CountedProposal(a, 5, 1_764_000_000_002),
        CountedProposal(c, 2, 1_764_000_000_002),
    ]
    assert [await store.remove("a"), await store.remove("a")] == [True, False]
    assert [one.task for one in await store.all()] == [c]


async def test_kinds_that_are_not_seen_any_more_go(connection: Connection, keys: Keys) -> None:
    store = ProposedTasks(connection, keys)
    await store.add({kind("a"): 9}, 0)
    await store.add({kind("b"): 1}, 8 * DAY)
    assert [one.task.hash for one in await store.all()] == ["b"]
