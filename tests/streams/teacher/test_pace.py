"""An endpoint's limit is found from its refusals, and nearly used up, with few calls beyond it."""

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import TeacherConfig
from streams.teacher.endpoint_circuits import Call, Endpoint, EndpointCircuits
from streams.teacher.outcome import FailureKind, TryLater
from streams.teacher.pace import SLOWEST, Pace

REFUSED = TryLater("slow down", FailureKind.RATE_LIMITED, retry_after=1.0)
LATENCY = 0.3


class LimitedEndpoint:
    """Calls of one worker at an endpoint with a token bucket; time is simulated."""

    def __init__(self, limit: float, slots: int) -> None:
        self.now, self.limit, self.slots = 0.0, limit, slots
        self.tokens, self.filled_at = limit, 0.0
        self.answered, self.refused = 0, 0
        self.circuits = EndpointCircuits(lambda: self.now, lambda: 0.5)
        self.endpoint = Endpoint.of(TeacherConfig(url="u", model="m"))
        self.under_way: list[tuple[float, int, Call, bool]] = []

    def run(self, until: float) -> None:
        number = 0
        while self.now < until:
            while len(self.under_way) < self.slots and self.circuits.wait("t", self.endpoint) == 0.0:
                call, number, taken = self.circuits.begin("t", self.endpoint), number + 1, self._take()
                end = self.now + (LATENCY if taken else 0.01)
                heapq.heappush(self.under_way, (end, number, call, taken))
            wait = self.circuits.wait("t", self.endpoint)
            free = len(self.under_way) < self.slots
            nexts = [self.under_way[0][0]] if self.under_way else []
            nexts += [self.now + max(wait, 1e-6)] if free and wait is not None else []
            self.now = min(nexts)
            while self.under_way and self.under_way[0][0] <= self.now:
                _, _, call, taken = heapq.heappop(self.under_way)
                self._end(call, taken=taken)

    def _take(self) -> bool:
        self.tokens = min(self.limit, self.tokens + (self.now - self.filled_at) * self.limit)
        self.filled_at = self.now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True

    def _end(self, call: Call, *, taken: bool) -> None:
        if taken:
            self.answered += 1
            self.circuits.on_success(call)
        else:
            self.refused += 1
            self.circuits.on_failure(call, REFUSED)


@pytest.mark.parametrize("limit", [2.0, 20.0, 100.0])
def test_an_untold_limit_is_nearly_used_up(limit: float) -> None:
    worker = LimitedEndpoint(limit, slots=64)
    for until in (100.0, 200.0, 300.0):
        answered, refused = worker.answered, worker.refused
        worker.run(until)
        assert (worker.answered - answered) / 100.0 > 0.75 * limit
        assert worker.refused - refused < 64 + 0.1 * (worker.answered - answered), "all slots once, then few"


def test_a_limit_that_is_raised_is_found_again() -> None:
    worker = LimitedEndpoint(10.0, slots=64)
    worker.run(60.0)
    worker.limit = 1_000.0
    worker.run(220.0)
    before = worker.answered
    worker.run(230.0)
    assert (worker.answered - before) / 10.0 > 0.9 * 64 / LATENCY, "as fast as slots allow"


@given(st.lists(st.tuples(st.sampled_from(["begin", "answer", "refuse"]), st.floats(0.0, 1e6)), max_size=40))
def test_a_pace_never_stands_still(steps: list[tuple[str, float]]) -> None:
    pace, now = Pace(), 0.0
    for step, later in steps:
        now += later
        if step == "begin":
            pace = pace.on_begin(now + pace.wait(now))
        else:
            pace = pace.on_answer() if step == "answer" else pace.on_refusal(now)
        rate = pace.rate_at(now)
        assert rate is None or rate >= SLOWEST * 0.999


@pytest.mark.parametrize("answers", [50, 500])
def test_an_endpoint_that_refuses_now_and_then_is_not_paced(answers: int) -> None:
    pace, now = Pace(), 0.0
    for _ in range(20):
        for _ in range(answers):
            now += 0.01
            pace = pace.on_begin(now).on_answer()
        pace = pace.on_begin(now).on_refusal(now)
        assert pace.rate_at(now) is None


def test_of_many_refusals_at_once_one_changes_the_rate() -> None:
    pace = Pace()
    for _ in range(64):
        pace = pace.on_begin(0.0)
    once = pace.on_refusal(0.1)
    many = once
    for _ in range(43):
        many = many.on_refusal(0.1, counts=False)
    assert once.rate_at(0.1) == many.rate_at(0.1) == pytest.approx(0.95 * 32)


def test_calls_are_not_paced_without_a_refusal() -> None:
    pace = Pace()
    for _ in range(100):
        pace = pace.on_begin(0.0).on_answer()
    assert pace.wait(0.0) == 0.0
