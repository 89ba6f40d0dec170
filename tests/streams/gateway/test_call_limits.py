"""Limits count what is under way, and nothing that has ended."""

from collections import Counter
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.gateway.call_limits import GatewayLimits
from streams.gateway.problems import ClientGone, HttpProblem

Act = tuple[int, str, int]
ACTS = st.tuples(
    st.integers(0, 3), st.sampled_from(["wait", "leave", "pause", "hold", "end"]), st.integers(0, 99_999)
)


class Call:
    """A call that takes and leaves places as it is told to."""

    def __init__(self, limits: GatewayLimits) -> None:
        self.place = limits.admit()
        self.waits: list[tuple[str, ExitStack]] = []
        self.pauses = 0
        self.held = 0

    def do(self, what: str, size: int) -> None:
        task = "ab"[size % 2]
        if what == "leave" and self.waits:
            self.waits.pop()[1].close()
            return
        stack = ExitStack()
        if what == "wait":
            stack.enter_context(self.place.waiting(task))
            self.waits.append((task, stack))
        elif what == "pause":
            with self.place.paused():
                pass
        elif what == "hold" and size > max(self.held, 16_384):
            self.place.hold(size)
            self.held = size


@given(st.lists(ACTS))
def test_counts_are_those_of_the_calls_under_way(acts: list[Act]) -> None:
    limits = GatewayLimits(3, 2, 3, 150_000)
    calls: dict[int, Call] = {}
    for number, what, size in acts:
        with suppress(HttpProblem):
            if number not in calls:
                calls[number] = Call(limits)
            if what == "end":
                calls.pop(number).place.end()
            else:
                calls[number].do(what, size)
        waits = Counter(task for call in calls.values() for task, _ in call.waits)
        assert limits.waiting == waits
        assert max(waits.values(), default=0) <= 2
        assert waits.total() <= 3
        assert limits.active == sum(not call.waits for call in calls.values())
        assert limits.held == sum(call.held for call in calls.values()) <= 150_000


def test_a_call_that_has_ended_takes_no_place() -> None:
    limits = GatewayLimits(1, 1, 1, 1)
    place = limits.admit()
    with ExitStack() as late:
        late.enter_context(place.waiting("a"))
        place.end()
        with pytest.raises(ClientGone):
            place.begin_wait("a")
    assert (limits.active, limits.waiting.total()) == (0, 0)
