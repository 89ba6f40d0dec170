"""However many workers ask, no limit is passed, and what they spend adds up."""

import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.call_limits import CallLimits
from schemas.config import EVERY_TASK
from schemas.redis_keys import Keys
from streams.spending.usage import ScopeUsage
from streams.state.connection import Connection
from streams.state.spending import SpendingStore

NONE = CallLimits()
LEASE = 60.0
TASKS = ("t", "u")

_limits = st.builds(
    CallLimits,
    calls_in_flight=st.none() | st.integers(1, 5),
    calls_per_day=st.none() | st.integers(0, 12),
    tokens_per_day=st.none() | st.integers(0, 120),
    money_per_day=st.none() | st.integers(0, 12).map(float),
)
_step = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(TASKS), st.integers(0, 4), st.booleans())


@pytest.fixture
def store(connection: Connection, keys: Keys) -> SpendingStore:
    return SpendingStore(connection, keys)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(total=_limits, own=_limits, steps=st.lists(_step, max_size=15))
async def test_no_limit_is_passed(
    connection: Connection,
    keys: Keys,
    total: CallLimits,
    own: CallLimits,
    steps: list[tuple[str, str, int, bool]],
) -> None:
    """A call costs ten tokens and one in money, so the limits of the day can be counted in calls."""
    store = SpendingStore(connection, Keys(f"{keys.prefix}-{secrets.token_hex(8)}"))
    made, flying, first = dict.fromkeys(TASKS, 0), {task: list[str]() for task in TASKS}, 0
    for worker, task, wanted, ends in steps:
        admitted = await store.admit(worker, task, wanted, first, LEASE, 0, (total, own))
        assert 0 <= admitted.calls <= wanted
        flying[task] += [f"{worker}:{first + number}" for number in range(admitted.calls)]
        first += wanted
        if ends:
            done = len(flying[task])
            made[task] += done
            amounts = {"calls": done, "tokens": 10 * done, "money": float(done)}
            await store.add(task, amounts, flying[task])
            flying[task] = []
        for limits, calls, open_calls in (
            (total, sum(made.values()), sum(map(len, flying.values()))),
            (own, made[task], len(flying[task])),
        ):
            assert limits.calls_in_flight is None or open_calls <= limits.calls_in_flight
            assert limits.calls_per_day is None or calls + open_calls <= limits.calls_per_day
            assert limits.money_per_day is None or calls + open_calls <= limits.money_per_day
            # The first call shows what one costs.
            assert limits.tokens_per_day is None or calls + open_calls <= max(1, limits.tokens_per_day // 10)


async def test_usage_is_told_as_it_was_before(store: SpendingStore) -> None:
    limits = (CallLimits(calls_in_flight=9), CallLimits(calls_per_day=9))
    await store.admit("a", "t", 2, 0, LEASE, 0, limits)
    await store.add("t", {"calls": 1, "tokens": 30, "money": 0.25, "answered": 4}, ["a:0"])
    admitted = await store.admit("b", "u", 1, 0, LEASE, 0, limits)
    assert admitted.workers == 2
    assert admitted.total == ScopeUsage(0.0, 1, 1, 30, 0.25)
    assert admitted.task == ScopeUsage()
    day = await store.day("t")
    assert day == {"calls": 1.0, "tokens": 30.0, "money": 0.25, "answered": 4.0}
    assert await store.day(EVERY_TASK) == day


async def test_the_pace_allows_a_burst_and_then_says_how_long_to_wait(store: SpendingStore) -> None:
    """One call in 1,000 seconds, so that the test's own time does not matter."""
    slow = (NONE, CallLimits(calls_per_second=0.001))
    assert (await store.admit("a", "t", 5, 0, LEASE, 0, slow)).calls == 1
    refused = await store.admit("b", "t", 5, 0, LEASE, 0, slow)
    assert refused.calls == 0
    assert 900.0 < refused.task.wait <= 1000.0
    burst = (CallLimits(calls_per_second=40.0), NONE)
    assert (await store.admit("a", "v", 100, 5, LEASE, 0, burst)).calls >= 10


async def test_calls_without_asking_are_made_up_for(store: SpendingStore) -> None:
    slow = (NONE, CallLimits(calls_per_second=0.001))
    refused = await store.admit("a", "t", 1, 0, LEASE, 3, slow)
    assert refused.calls == 0
    assert 2_900.0 < refused.task.wait <= 3_000.0


async def test_a_call_that_nobody_ends_is_lost_after_its_lease(
    store: SpendingStore, connection: Connection, keys: Keys
) -> None:
    one = (NONE, CallLimits(calls_in_flight=1))
    assert (await store.admit("a", "t", 1, 0, LEASE, 0, one)).calls == 1
    assert (await store.admit("b", "t", 1, 0, LEASE, 0, one)).calls == 0
    await connection.redis.zadd(keys.calls_in_flight("t"), {"a:0": 1})
    assert (await store.admit("b", "t", 1, 1, LEASE, 0, one)).calls == 1


async def test_a_call_that_nobody_ends_counts_as_made(
    store: SpendingStore, connection: Connection, keys: Keys
) -> None:
    """Who was killed may have paid for it; who was only late says so after all."""
    limits = (CallLimits(calls_per_day=9), CallLimits(calls_per_day=9))
    await store.add("t", {"calls": 2, "tokens": 20, "money": 1.0})
    await store.admit("a", "t", 2, 0, LEASE, 0, limits)
    for scope in ("t", EVERY_TASK):
        await connection.redis.zadd(keys.calls_in_flight(scope), {"a:0": 1, "a:1": 1})
    later = await store.admit("b", "t", 9, 0, LEASE, 0, limits)
    assert later.task == later.total == ScopeUsage(0.0, 0, 4, 40, 2.0)
    assert later.calls == 5
    _, own = await store.add("t", {"calls": 1, "tokens": 10, "money": 0.5}, ["a:1"])
    assert own.calls == 4


async def test_calls_that_failed_make_the_others_no_cheaper(store: SpendingStore) -> None:
    limits = (NONE, CallLimits(tokens_per_day=1_000))
    await store.add("t", {"calls": 9, "failed": 9})
    assert (await store.admit("a", "t", 50, 0, LEASE, 0, limits)).calls == 1, "nobody knows what one costs"
    await store.add("t", {"calls": 1, "tokens": 100}, ["a:0"])
    admitted = await store.admit("a", "t", 50, 1, LEASE, 0, limits)
    assert (admitted.calls, admitted.task) == (9, ScopeUsage(0.0, 0, 10, 100, 0.0, 9))


async def test_a_day_is_kept_for_a_month_and_told_of_once(
    store: SpendingStore, connection: Connection, keys: Keys
) -> None:
    _, own = await store.add("t", {"calls": 1})
    assert 30 * 86_400 < await connection.redis.ttl(f"{keys.spending('t')}:{own.day}") <= 35 * 86_400
    assert [await store.is_news("t", own.day, "calls_per_day.50%") for _ in range(2)] == [True, False]
    assert await store.day("t", own.day - 1) == {}


async def test_spending_that_cannot_be_read_hides_that_of_no_other_task(
    connection: Connection, keys: Keys
) -> None:
    store = SpendingStore(connection, keys)
    for task in ("a", "b", "c"):
        await store.add(task, {"calls": 3})
    [b_key] = await connection.redis.keys(f"{keys.spending('b')}:*")
    await connection.redis.hset(b_key, "money", "much")
    [c_key] = await connection.redis.keys(f"{keys.spending('c')}:*")
    await connection.redis.set(c_key, "no hash")
    assert await store.days(["a", "b", "c"]) == {"a": {"calls": 3.0}, "b": {}, "c": {}}
    assert (await store.newest_days("b", 2))[-1][1] == {}
    assert connection.is_available
