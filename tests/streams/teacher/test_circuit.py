"""An endpoint's circuit: when calls may begin, whatever order they end in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streams.teacher.circuit import (
    FAILURES,
    LONGEST_PAUSE,
    LONGEST_TOLD_PAUSE,
    SHORTEST_PAUSE,
    Circuit,
    Permit,
    pause,
)


def opened(circuit: Circuit, now: float = 0.0) -> Circuit:
    """The circuit after enough failures in a row."""
    for _ in range(FAILURES):
        circuit, permit = circuit.begin(now)
        circuit = circuit.on_failure(permit, now, 0.0)
    return circuit


def test_failures_in_a_row_open_it() -> None:
    circuit = opened(Circuit())
    assert not circuit.admits(0.99)
    assert circuit.wait(0.25) == 0.75
    assert circuit.admits(1.0)
    with pytest.raises(ValueError, match="open"):
        circuit.begin(0.5)


def test_a_success_between_failures_keeps_it_closed() -> None:
    circuit = Circuit()
    for turn in range(10 * FAILURES):
        circuit, permit = circuit.begin(0.0)
        failed = turn % FAILURES < FAILURES - 1
        circuit = circuit.on_failure(permit, 0.0, 0.0) if failed else circuit.on_success(permit)
    assert circuit.is_closed


def test_one_probe_decides() -> None:
    half_open, probe = opened(Circuit()).begin(1.0)
    assert not half_open.admits(1e9)
    assert half_open.wait(1e9) is None
    assert half_open.on_success(probe).is_closed
    again = half_open.on_failure(probe, 1.0, 0.0)
    assert again.wait(1.0) == 2.0, "the second pause is twice as long"
    assert half_open.on_cancel(probe).admits(1.0), "a probe that was stopped leaves room for another"


def test_a_named_time_is_waited_for() -> None:
    circuit, permit = Circuit().begin(0.0)
    assert circuit.on_failure(permit, 10.0, 0.0, retry_after=30.0).wait(10.0) == 30.0
    assert circuit.on_failure(permit, 0.0, 0.0, retry_after=1e9).wait(0.0) == LONGEST_TOLD_PAUSE
    assert circuit.on_failure(permit, 0.0, 0.0, retry_after=0.02).is_closed, "too short to stop all calls"


def test_calls_from_before_do_not_count() -> None:
    circuit, early = Circuit().begin(0.0)
    circuit = opened(circuit)
    assert circuit.on_success(early) == circuit
    assert circuit.on_failure(early, 0.5, 0.0) == circuit
    assert circuit.on_failure(early, 0.5, 0.0, retry_after=9.0).wait(0.5) == 9.0, (
        "but what they are told does"
    )
    half_open, probe = circuit.begin(1.0)
    assert half_open.on_success(early) == half_open
    closed = half_open.on_success(probe)
    assert closed.on_failure(early, 2.0, 0.0, retry_after=9.0) == closed


@given(st.integers(1, 10_000), st.floats(0.0, 1.0, exclude_max=True))
def test_pauses_double_up_to_a_minute(failures: int, draw: float) -> None:
    assert SHORTEST_PAUSE / 2.0 <= pause(failures, draw) <= LONGEST_PAUSE
    assert pause(failures, draw) <= pause(failures + 1, draw)


class Calls(RuleBasedStateMachine):
    """Calls that begin when they may, and end in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.circuit = Circuit()
        self.under_way: list[Permit] = []

    @rule(seconds=st.floats(0.0, 1000.0))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.circuit.admits(self.now))
    @rule()
    def begin(self) -> None:
        was_closed = self.circuit.is_closed
        self.circuit, permit = self.circuit.begin(self.now)
        assert permit.probe == (not was_closed)
        self.under_way.append(permit)

    @precondition(lambda self: self.under_way)
    @rule(
        data=st.data(),
        draw=st.floats(0.0, 1.0, exclude_max=True),
        told=st.none() | st.floats(0.0, 1e6),
        end=st.sampled_from(["success", "failure", "cancel"]),
    )
    def end(self, data: st.DataObject, draw: float, told: float | None, end: str) -> None:
        permit = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before = self.circuit
        if end == "success":
            self.circuit = before.on_success(permit)
        elif end == "failure":
            self.circuit = before.on_failure(permit, self.now, draw, told)
        else:
            self.circuit = before.on_cancel(permit)
        if self.circuit.is_closed and not before.is_closed:
            assert permit.probe, "only a probe closes it"
            assert end == "success"

    @invariant()
    def one_probe_at_most(self) -> None:
        probes = [one for one in self.under_way if one.probe and one.period == self.circuit.period]
        assert len(probes) == int(self.circuit.probing)

    @invariant()
    def it_admits_again_in_bounded_time(self) -> None:
        wait = self.circuit.wait(self.now)
        assert wait is not None or self.circuit.probing
        assert (wait or 0.0) <= LONGEST_TOLD_PAUSE * 1.1 + 1e-6
        assert self.circuit.admits(self.now) == (wait == 0.0)


TestCalls = Calls.TestCase
