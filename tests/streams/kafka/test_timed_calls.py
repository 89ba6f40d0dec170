"""Timed calls: what a call raises is raised, and one that never returns is left behind."""

import threading

import pytest

from streams.kafka.timed_calls import CallNotReturned, TimedCalls


def test_calls_run_in_order_and_raise_what_they_raise() -> None:
    calls, done = TimedCalls("test"), list[int]()
    calls.run(lambda: done.append(1), 10.0)
    with pytest.raises(ZeroDivisionError):
        calls.run(lambda: 1 // 0, 10.0)
    calls.run(lambda: done.append(2), 10.0)
    calls.close()
    calls._thread.join(10.0)
    assert (done, calls._thread.is_alive()) == ([1, 2], False)


def test_a_call_that_never_returns_is_left_behind() -> None:
    calls, never = TimedCalls("test"), threading.Event()
    with pytest.raises(CallNotReturned, match="did not return in 0 s"):
        calls.run(never.wait, 0.01)
    calls.close()
    assert calls._thread.daemon, "it must not hold up the end of the process"
    never.set()
    calls._thread.join(10.0)
    assert not calls._thread.is_alive()
