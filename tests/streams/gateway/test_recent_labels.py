"""The newest labels are kept, within bounds; a label outlives an error; who waits is told."""

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages import Label, Reason
from streams.gateway.recent_labels import RecentLabels

LATER = 10**15


def label(request: str, source: Any = "teacher", at: int = 0) -> Label:
    said = None if source == "error" else "yes"
    return Label(request, "t", said, source, Reason.LOW_SCORE, at, at)


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["teacher", "error"]))), st.integers(0, 4)
)
def test_memory_is_bounded_and_labels_win(came: list[tuple[str, str]], most: int) -> None:
    recent, model = RecentLabels(most), OrderedDict[str, str]()
    for request, source in came:
        recent.keep(label(request, source))
        if model.get(request) != "teacher":
            model[request] = source
        while len(model) > most:
            model.popitem(last=False)
    assert len(recent) == len(model)
    for request in "abcde":
        found = recent.find("t", request)
        assert (found.label.source if found else None) == model.get(request)


async def test_who_waits_is_not_forgotten() -> None:
    recent = RecentLabels(1)
    recent.ask("t", "a", 7, LATER, 1)
    with recent.waiting("t", "a") as answer:
        for number in range(5):
            recent.keep(label(f"r{number}"))
        recent.keep(label("a", "error", at=6))
        assert not answer.done(), "an earlier attempt's error"
        recent.keep(label("a"))
        assert (await answer).label == "yes"
    assert len(recent) == 1


async def test_a_failure_reaches_those_who_wait() -> None:
    recent = RecentLabels(1)
    recent.ask("t", "a", 7, LATER, 1)
    with recent.waiting("t", "a") as answer:
        recent.fail("t", "a", OSError("no"))
        with pytest.raises(OSError, match="no"):
            await answer
    assert recent.find("t", "a") is None
    recent.fail("t", "unknown", OSError("no"))


async def test_a_request_is_under_way_until_it_is_given_up() -> None:
    """Also while nobody waits for it."""
    now = [0]
    recent = RecentLabels(5, lambda: now[0])
    recent.ask("t", "a", 7, 100, 1)
    with recent.waiting("t", "a") as first, recent.waiting("t", "a") as second:
        assert first is second
    entry = recent.find("t", "a")
    now[0] = 99
    recent.keep(label("a", "error", at=6))
    assert recent.is_under_way(entry)
    with recent.waiting("t", "a") as late:
        recent.keep(label("a"))
        assert (await late).label == "yes"
    assert not recent.is_under_way(entry)
    recent.ask("t", "b", 7, 100, 1)
    now[0] = 100
    assert not recent.is_under_way(recent.find("t", "b"))
