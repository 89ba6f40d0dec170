"""Without Redis all workers together stay within what was left."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.call_limits import CallLimits
from streams.spending.local_share import LocalShare
from streams.spending.usage import ScopeUsage


def test_a_worker_that_never_heard_calls_nobody() -> None:
    share = LocalShare()
    assert share.calls_allowed("t", CallLimits(calls_per_second=100.0), 0, 9, 0.0) == 0
    assert share.calls_allowed("t", CallLimits(), 0, 9, 0.0) == 9


@given(
    limit=st.integers(0, 200),
    spent=st.integers(0, 200),
    flying=st.integers(0, 20),
    workers=st.integers(1, 5),
    asked=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 30)), max_size=30),
)
def test_workers_together_stay_within_the_day(
    limit: int, spent: int, flying: int, workers: int, asked: list[tuple[int, int]]
) -> None:
    limits, shares = CallLimits(calls_per_day=limit), [LocalShare() for _ in range(workers)]
    for share in shares:
        share.note("t", ScopeUsage(calls=spent, in_flight=flying), workers)
    begun = 0
    for which, wanted in asked:
        share = shares[which % workers]
        allowed = share.calls_allowed("t", limits, 0, wanted, 0.0)
        share.begin("t", limits, allowed, 0.0)
        begun += allowed
        assert 0 <= allowed <= wanted
    assert begun <= max(0, limit - spent - flying)


@given(
    rate=st.floats(0.5, 200.0),
    workers=st.integers(1, 5),
    steps=st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 0.5)), min_size=1, max_size=200),
)
def test_workers_together_keep_the_pace(rate: float, workers: int, steps: list[tuple[int, float]]) -> None:
    limits, shares = CallLimits(calls_per_second=rate), [LocalShare() for _ in range(workers)]
    for share in shares:
        share.note("t", ScopeUsage(), workers)
    now, begun = 0.0, 0
    for which, pause in steps:
        now += pause
        share = shares[which % workers]
        allowed = share.calls_allowed("t", limits, 0, 1, now)
        share.begin("t", limits, allowed, now)
        begun += allowed
    assert begun <= now * rate + workers


def test_calls_in_flight_are_shared() -> None:
    share, limits = LocalShare(), CallLimits(calls_in_flight=7)
    share.note("t", ScopeUsage(), 3)
    assert share.calls_allowed("t", limits, 0, 9, 0.0) == 2
    assert share.calls_allowed("t", limits, 2, 9, 0.0) == 0
