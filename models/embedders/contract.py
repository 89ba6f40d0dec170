"""The contract of encoders: an id, a dimension, and vectors that depend only on their texts."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import EmbedderError


class Embedder(Protocol):
    """An encoder: turns texts into vectors. Any thread may call it."""

    @property
    def id(self) -> str:
        """Names the computation, not the place: encoders with the same id make the same vectors."""

    @property
    def dimension(self) -> int:
        """Length of a vector, at least 1."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Float32 [n, dimension], all finite, one row for each text, in order; of any norm.

        A row is the same, up to 1e-5 of the vector's length, whatever other texts are in the call. Texts may
        be empty and of any length; the end of a long one, which an encoder can't read, is left out.

        Raises:
            TextRefused: one of the texts can't be read; the others may be readable.
            EmbedderError: says what failed, where, and what to do. No row is invented.
        """


def check_rows(
    rows: NDArray[np.generic], count: int, dimension: int | None, whose: str
) -> NDArray[np.float32]:
    """The rows as contiguous float32, checked.

    Args:
        count: number of texts.
        dimension: length that the rows must have; None for any.
        whose: name of the encoder, for the error.

    Raises:
        EmbedderError: another shape, or a number that is not finite.
    """
    if rows.ndim != 2 or len(rows) != count or rows.shape[1] != (dimension or rows.shape[1] or 1):
        expected = f"[{count}, {dimension or 'd'}]"
        raise EmbedderError(f"{whose}: vectors have shape {list(rows.shape)}, must be {expected}")
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(rows, dtype=np.float32)
    broken = np.flatnonzero(~np.isfinite(converted).all(axis=1))
    if len(broken):
        raise EmbedderError(f"{whose}: the vector of text {broken[0]} is not finite")
    return converted
