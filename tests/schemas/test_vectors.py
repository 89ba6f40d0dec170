"""Embeddings off the wire: two spellings of one vector, and nothing that is not finite gets through."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidVector
from schemas.vectors import Wire, decode_matrix, decode_vector, vector_bytes

_narrow = st.floats(width=32, allow_nan=False, allow_infinity=False)
_any = st.floats(width=32)
_vectors = st.lists(_narrow, min_size=1, max_size=16)


def spelt(numbers: list[float]) -> bytes:
    return np.array(numbers, "<f4").tobytes()


@given(_vectors)
def test_base64_and_list_are_the_same_vector(numbers: list[float]) -> None:
    from_bytes, from_list = decode_vector(spelt(numbers), len(numbers)), decode_vector(numbers, None)
    assert from_bytes.dtype == from_list.dtype == np.float32
    assert (
        from_bytes.tobytes() == from_list.tobytes() == vector_bytes(numbers) == vector_bytes(spelt(numbers))
    )


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ([1.0, 2.0], "2 values, but the task needs 3"),
        (spelt([1.0] * 4), "4 values, but the task needs 3"),
        (b"", "0 values"),
        ([], "0 values"),
        (b"\0" * 13, "13 bytes are not a whole number of float32"),
    ],
)
def test_a_wrong_length_is_refused_with_both_lengths(wire: Wire, reason: str) -> None:
    with pytest.raises(InvalidVector, match=reason):
        decode_vector(wire, 3)


def test_an_empty_vector_is_refused() -> None:
    with pytest.raises(InvalidVector, match="at least 1"):
        decode_vector([], None)


@given(_vectors, st.sampled_from([float("nan"), float("inf"), float("-inf")]), st.data())
def test_a_value_not_finite_is_refused_by_its_place(
    numbers: list[float], broken: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(numbers) - 1))
    numbers = [*numbers[:place], broken, *numbers[place:]]
    for wire in (numbers, spelt(numbers)):
        with pytest.raises(InvalidVector, match=re.escape(f"value {place} is not a finite")):
            decode_vector(wire, None)


def test_a_float32_overflow_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidVector, match="value 1 "):
        decode_vector([0.0, 1e39], 2)


@given(st.lists(st.one_of(st.lists(_any, max_size=4), st.lists(_any, max_size=4).map(spelt)), max_size=6))
def test_the_fast_path_equals_the_slow_path(wires: list[Wire]) -> None:
    def rows() -> list[bytes] | None:
        try:
            return [decode_vector(wire, 3).tobytes() for wire in wires]
        except InvalidVector:
            return None

    fast, slow = decode_matrix(wires, 3), rows()
    assert (fast is not None) == (slow is not None)
    if fast is not None:
        assert fast.shape == (len(wires), 3)
        assert [row.tobytes() for row in fast] == slow
