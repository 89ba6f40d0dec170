"""Features of requests: a text, a vector, or both, row by row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Embed = Callable[[NDArray[np.int64], int], NDArray[np.float32]]
"""Makes vectors, float32 [m, d], of the m rows with these places, by a source: 0 is the only or first one."""


def known_texts(texts: Iterable[str | None]) -> list[str] | None:
    """The texts if each row has one, else None."""
    every = list(texts)
    known = [text for text in every if text is not None]
    return known if len(known) == len(every) else None


@dataclass(frozen=True, slots=True)
class Features:
    """Texts, vectors or both of n requests.

    Attributes:
        texts: n texts, or None.
        embeddings: float32 [n, d], or None.

    Raises:
        ValueError: neither is given, or they differ in length.
    """

    texts: Sequence[str] | None = None
    embeddings: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.texts is None and self.embeddings is None:
            raise ValueError("features must have texts, embeddings or both")
        if self.texts is not None and self.embeddings is not None and len(self.texts) != len(self.embeddings):
            raise ValueError(
                f"texts and embeddings must have the same length: {len(self.texts)} texts, "
                f"{len(self.embeddings)} embeddings"
            )

    def __len__(self) -> int:
        rows = self.embeddings if self.texts is None else self.texts
        return 0 if rows is None else len(rows)

    def take(self, rows: NDArray[np.int64] | Sequence[int]) -> "Features":
        """The rows at these places, in this order."""
        texts = None if self.texts is None else [self.texts[row] for row in rows]
        embeddings = None if self.embeddings is None else self.embeddings[np.asarray(rows, dtype=np.int64)]
        return Features(texts, embeddings)
