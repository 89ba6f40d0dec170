"""Parts get as large as it pays, by the texts that were really read."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.routing.encoder_pace import FIRST_PART, LARGEST_PART, EncoderPace


def after(*parts: tuple[int, int, float]) -> EncoderPace:
    pace = EncoderPace()
    for texts, read, seconds in parts:
        pace = pace.with_part(texts, read, seconds)
    return pace


def settled(seconds: Callable[[int], float], pace: EncoderPace | None = None) -> EncoderPace:
    """After thirty full parts that take so long."""
    found = pace or EncoderPace()
    for _ in range(30):
        found = found.with_part(found.size, found.size, seconds(found.size))
    return found


def test_parts_grow_while_they_are_fast_and_full() -> None:
    assert after((32, 32, 0.1)).size == 64
    assert after((31, 31, 0.1)).size == FIRST_PART
    assert after(*((1024, 1024, 0.1),) * 10).size == LARGEST_PART


def test_a_slow_part_halves_the_next() -> None:
    assert after((32, 32, 1.1)).size == 16
    assert after((16, 16, 1.1)).size == 8, "it is not full, and slow all the same"
    assert after((1, 1, 9.0)).size == 1
    assert EncoderPace.after_failure(16).size == 8
    assert EncoderPace.after_failure(1).size == 1


@pytest.mark.parametrize("seconds", [0.3, 1.1, 3.0])
def test_calls_that_take_as_long_whatever_they_hold_get_large_parts(seconds: float) -> None:
    assert settled(lambda _: seconds).size == LARGEST_PART
    assert settled(lambda _: seconds, EncoderPace(size=1)).size == LARGEST_PART


@pytest.mark.parametrize(("a_text", "size"), [(0.0001, LARGEST_PART), (0.01, 32), (0.16, 4), (3.0, 1)])
def test_texts_that_take_their_time_each_get_parts_of_less_than_a_second(a_text: float, size: int) -> None:
    assert settled(lambda texts: a_text * texts).size == size


def test_parts_stop_growing_where_twice_as_many_take_nearly_twice_as_long() -> None:
    found = settled(lambda texts: 0.5 + 0.01 * texts)
    assert found.size == 128


def test_a_server_that_has_become_slow_or_fast_is_tried_anew() -> None:
    large = settled(lambda texts: 0.0001 * texts)
    small = settled(lambda texts: 0.16 * texts, large)
    assert (large.size, small.size) == (LARGEST_PART, 4)
    assert settled(lambda texts: 0.0001 * texts, small).size == LARGEST_PART


@pytest.mark.parametrize("seconds", [0.1, 0.6, 3.0])
def test_some_slow_parts_among_many_keep_no_parts_small(seconds: float) -> None:
    pace = settled(lambda _: seconds)
    for _ in range(8):
        pace = settled(lambda _: seconds, pace.with_part(pace.size, pace.size, 8.0))
    assert pace.size == LARGEST_PART


def test_no_part_takes_long_for_the_sake_of_more_texts() -> None:
    assert settled(lambda texts: 6.0 + 0.001 * texts).size == 1


def test_a_small_part_that_takes_no_longer_than_a_full_one_says_nothing() -> None:
    full = settled(lambda _: 1.1)
    assert full.with_part(5, 5, 1.1) == full


def test_vectors_that_were_kept_let_no_part_grow() -> None:
    """A part without any would take longer than it may."""
    assert after(*((1024, 0, 0.001),) * 10).size == FIRST_PART
    assert after(*((1024, 31, 0.001),) * 10).size == FIRST_PART
    assert after((32, 2, 1.1)).size == 1


def test_the_rate_is_that_of_the_last_full_parts() -> None:
    assert after().rate is None
    assert after((3, 3, 1.0)).rate is None
    assert after((32, 32, 2.0)).rate == 16.0
    assert after((32, 32, 2.0), (32, 0, 0.0), (32, 0, 0.0)).rate == (8 + 16 + 32) / 0.5


@given(st.lists(st.tuples(st.integers(1, 1024), st.integers(0, 1024), st.floats(0.0, 100.0)), max_size=20))
def test_a_part_has_always_a_size(parts: list[tuple[int, int, float]]) -> None:
    pace = after(*((texts, min(read, texts), seconds) for texts, read, seconds in parts))
    assert 1 <= pace.size <= LARGEST_PART
    assert pace.rate is None or pace.rate > 0
