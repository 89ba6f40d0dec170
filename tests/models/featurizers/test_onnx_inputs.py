"""Inputs of a graph: each row once, in chunks that hold little padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features import Features
from models.featurizers import onnx_inputs
from models.featurizers.ngrams import encode, pad, window_bytes


@pytest.mark.parametrize("name", [onnx_inputs.WINDOWS, onnx_inputs.TEXT])
@given(lengths=st.lists(st.integers(0, 900), min_size=1, max_size=200))
def test_each_text_is_in_one_chunk(name: str, lengths: list[int]) -> None:
    texts = [f"{row:03}"[:length] + "x" * (length - 3) for row, length in enumerate(lengths)]
    read = window_bytes if name == onnx_inputs.WINDOWS else pad
    seen: list[int] = []
    for index, feed in onnx_inputs.of_texts(Features(texts), name):
        rows = np.arange(len(texts))[index].tolist()
        np.testing.assert_array_equal(feed[name], read(encode([texts[row] for row in rows])))
        seen += rows
    assert sorted(seen) == list(range(len(texts)))


@given(lengths=st.lists(st.integers(1, 2049), min_size=1, max_size=300))
def test_a_chunk_is_small_and_holds_little_padding(lengths: list[int]) -> None:
    falling = sorted(lengths, reverse=True)
    chunks = list(onnx_inputs._chunks_of_lengths(falling, 500))
    assert [row for begin, end in chunks for row in range(begin, end)] == list(range(len(falling)))
    for begin, end in chunks:
        padded = (end - begin) * falling[begin]
        assert end - begin <= onnx_inputs.TEXTS_AT_ONCE
        assert padded <= onnx_inputs.BYTES_AT_ONCE
        assert padded - sum(falling[begin:end]) <= 500
