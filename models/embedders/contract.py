"""What every encoder is to its users: an id, a dimension, and rows that depend on nothing but their text."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import EmbedderError


class Embedder(Protocol):
    """Turns texts into vectors. Any thread may call it."""

    @property
    def id(self) -> str:
        """Names what it computes, not where it is: where two ids are the same, so are the vectors."""

    @property
    def dimension(self) -> int:
        """Length of a vector, at least 1."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Float32 [n, dimension], all finite, a row a text, in order; of any norm.

        A row is the same, up to 1e-5 of the vector's length, whatever it is embedded with. Texts may be
        empty and of any length; what an encoder can't read of a long one, its end, it leaves out.

        Raises:
            TextRefused: one of the texts can't be read, and the others might be.
            EmbedderError: says what failed, where, and what to do. No row is made up.
        """


def check_rows(
    rows: NDArray[np.generic], count: int, dimension: int | None, whose: str
) -> NDArray[np.float32]:
    """The rows as the interface promises them.

    Args:
        dimension: the length that they must have; None for any.

    Raises:
        EmbedderError: another shape, or a number that is not finite.
    """
    if rows.ndim != 2 or len(rows) != count or rows.shape[1] != (dimension or rows.shape[1] or 1):
        wanted = f"[{count}, {dimension or 'd'}]"
        raise EmbedderError(f"{whose}: made vectors of shape {list(rows.shape)} where {wanted} were due")
    with np.errstate(over="ignore"):
        made = np.ascontiguousarray(rows, dtype=np.float32)
    broken = np.flatnonzero(~np.isfinite(made).all(axis=1))
    if len(broken):
        raise EmbedderError(f"{whose}: the vector of text {broken[0]} has a number that is not finite")
    return made
