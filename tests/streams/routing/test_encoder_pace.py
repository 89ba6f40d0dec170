"""Parts grow while they are fast and shrink when they are slow, by the texts that were really read."""

from hypothesis import given
from hypothesis import strategies as st

from streams.routing.encoder_pace import FIRST_PART, LARGEST_PART, EncoderPace


def after(*parts: tuple[int, int, float]) -> EncoderPace:
    pace = EncoderPace()
    for texts, read, seconds in parts:
        pace = pace.with_part(texts, read, seconds)
    return pace


def test_parts_grow_while_they_are_fast_and_full() -> None:
    assert after((32, 32, 0.1)).size == 64
    assert after((31, 31, 0.1)).size == FIRST_PART
    assert after(*((1024, 1024, 0.1),) * 10).size == LARGEST_PART
    assert after((32, 32, 0.5)).size == FIRST_PART


def test_a_slow_part_halves_the_next_whatever_its_size() -> None:
    assert after((32, 32, 1.1)).size == 16
    assert after((10, 10, 1.1)).size == 5
    assert after((1, 1, 9.0)).size == 1
    assert EncoderPace.after_failure(10).size == 5
    assert EncoderPace.after_failure(1).size == 1


def test_vectors_that_were_kept_let_no_part_grow() -> None:
    """A part without any would take longer than it may."""
    assert after(*((1024, 0, 0.001),) * 10).size == FIRST_PART
    assert after((32, 1, 0.1)).size == 16
    assert after((32, 16, 0.1)).size == 64


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
