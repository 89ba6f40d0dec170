"""A text is read once while its vector is kept; memory and age of what is kept are bounded."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.embedders.vector_cache import CachedEmbedder, encoder_behind, read_count
from models.errors import TextRefused

WIDTH = 4
ENTRY = 4 * WIDTH + 256


class Counting:
    """Makes another vector at each reading, so that one that was kept is known by it."""

    id = "counting:1"
    dimension = WIDTH

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if "refused" in texts:
            raise TextRefused("not that")
        self.texts += texts
        first = len(self.texts) - len(texts)
        rows = [[len(text), first + place, 0.0, 1.0] for place, text in enumerate(texts)]
        return np.array(rows, dtype=np.float32)


@pytest.fixture
def encoder() -> Counting:
    return Counting()


def test_texts_that_are_equal_are_read_once(encoder: Counting) -> None:
    cached = CachedEmbedder(encoder)
    rows = cached.embed(["a", "bb", "a"])
    np.testing.assert_array_equal(rows, [[1, 0, 0, 1], [2, 1, 0, 1], [1, 0, 0, 1]])
    again = cached.embed(["ccc", "a", "\ud800"])
    assert encoder.texts == ["a", "bb", "ccc", "\ud800"]
    np.testing.assert_array_equal(again[1], rows[0])
    assert (read_count(cached), read_count(encoder)) == (4, None)
    assert cached.embed([]).shape == (0, WIDTH)


def test_who_spoils_a_row_spoils_no_other(encoder: Counting) -> None:
    cached = CachedEmbedder(encoder)
    cached.embed(["a", "a"])[:] = np.nan
    assert np.isfinite(cached.embed(["a"])).all()


def test_what_is_refused_is_not_kept(encoder: Counting) -> None:
    cached = CachedEmbedder(encoder)
    with pytest.raises(TextRefused):
        cached.embed(["a", "refused"])
    cached.embed(["a"])
    assert encoder.texts == ["a"]


def test_no_vector_outlives_two_checks(encoder: Counting) -> None:
    cached = CachedEmbedder(encoder)
    for _ in range(2):
        for _ in range(2):
            cached.embed(["a"])
            cached.age()
    assert encoder.texts == ["a", "a"]
    assert encoder_behind(cached) is encoder_behind(encoder) is encoder


@given(
    texts=st.lists(st.sampled_from("abcdefgh"), max_size=40),
    entries=st.integers(0, 10),
    at_once=st.integers(1, 9),
)
def test_memory_is_bounded_and_rows_belong_to_their_texts(
    texts: list[str], entries: int, at_once: int
) -> None:
    encoder = Counting()
    cached = CachedEmbedder(encoder, entries * ENTRY)
    for begin in range(0, len(texts), at_once):
        part = texts[begin : begin + at_once]
        rows = cached.embed(part)
        assert [encoder.texts[int(place)] for place in rows[:, 1]] == part
        assert len(cached._young) + len(cached._old) <= entries
    assert len(encoder.texts) <= len(texts)
