"""A change of model shows in the reference vectors; noise of another batch or precision does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.embedders.reference import TEXTS, change_between

WIDTH = 32
VECTORS = np.random.default_rng(0).normal(size=(len(TEXTS), WIDTH)).astype(np.float32)


@given(st.integers(0, 1000), st.floats(0.0, 0.005))
def test_noise_is_no_change(seed: int, share: float) -> None:
    noise = np.random.default_rng(seed).normal(size=VECTORS.shape) * share
    assert change_between(VECTORS, (VECTORS + noise).astype(np.float32)) is None
    assert change_between(VECTORS, VECTORS.astype(np.float16).astype(np.float32)) is None


@pytest.mark.parametrize("row", range(len(TEXTS)))
def test_one_other_vector_is_a_change_and_named(row: int) -> None:
    other = VECTORS.copy()
    other[row] = other[row][::-1]
    change = change_between(VECTORS, other)
    assert change is not None
    assert TEXTS[row] in change


def test_another_width_is_a_change() -> None:
    assert change_between(VECTORS, VECTORS[:, :8]) == "vectors had 32 numbers, and have 8"


def test_vectors_of_zeros_are_a_change() -> None:
    assert change_between(VECTORS, np.zeros_like(VECTORS)) is not None


@pytest.mark.parametrize("share_now", [0.95, 0.999])
def test_a_model_that_is_more_or_less_sure_of_the_same_label_is_a_change(share_now: float) -> None:
    """The logarithms of its probabilities point the same way."""
    shares = np.array([0.99, share_now])
    before, now = np.log([[shares, 1 - shares]] * len(TEXTS)).astype(np.float32).transpose(2, 0, 1)
    change = change_between(before, now)
    assert change is not None
    assert "length" in change
