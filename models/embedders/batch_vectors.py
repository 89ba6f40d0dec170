"""Vectors of a batch's texts: each is made when it is first needed, and kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder
from models.errors import EmbedderError

Rows = Sequence[int] | NDArray[np.int64]


class BatchVectors:
    """The vectors of a batch's texts, by one encoder or by the parts of a composite one.

    Attributes:
        texts: those of the batch, in order.
        failed: the part that has failed last; None where none has.

    Args:
        parts: the encoders, in the order of their vectors.
        made: vectors that the first parts have made already, float32 [texts, d] each.
    """

    def __init__(
        self,
        texts: Sequence[str],
        parts: Sequence[Embedder],
        made: Sequence[NDArray[np.float32]] = (),
    ) -> None:
        self.texts = texts
        self.failed: int | None = None
        self._parts = parts
        new = [np.empty((len(texts), part.dimension), dtype=np.float32) for part in parts[len(made) :]]
        self._vectors = [*made, *new]
        self._is_made = [np.full(len(texts), place < len(made)) for place in range(len(parts))]
        self._is_refused = np.zeros(len(texts), dtype=np.bool_)

    def embed(self, rows: Rows, part: int = 0) -> NDArray[np.float32]:
        """Float32 [rows, d] by one part. Raises EmbedderError."""
        wanted = np.asarray(rows, dtype=np.int64)
        vectors, is_made = self._vectors[part], self._is_made[part]
        missing = wanted[~is_made[wanted]]
        if len(missing):
            try:
                vectors[missing] = self._parts[part].embed([self.texts[row] for row in missing.tolist()])
            except EmbedderError:
                self.failed = part
                raise
            is_made[missing] = True
        return vectors[wanted]

    def refuse(self, row: int) -> None:
        """Note that an encoder refuses this text."""
        self._is_refused[row] = True

    def refused_count(self, rows: range) -> int:
        """How many of them are refused."""
        return int(np.count_nonzero(self._is_refused[rows.start : rows.stop]))

    def vector(self, row: int) -> NDArray[np.float32] | None:
        """The vector of one text, of all parts; None where one was not made."""
        if not all(is_made[row] for is_made in self._is_made):
            return None
        return np.concatenate([vectors[row] for vectors in self._vectors])

    def vector_bytes(self, row: int) -> bytes | None:
        """The same as bytes of little-endian float32."""
        vector = self.vector(row)
        return None if vector is None else vector.astype("<f4").tobytes()
