"""How rows become inputs of a graph: texts of like length together, vectors as they come.

The graph's work on a text is that of the longest in its chunk, so texts are sorted by length and cut where
a chunk would grow too large. No row's result depends on which others are in its chunk.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import PolicyError
from models.features import Features
from models.featurizers.ngrams import encode, pad

TEXTS_AT_ONCE = 64
BYTES_AT_ONCE = 8192
VECTORS_AT_ONCE = 256

Feed = dict[str, NDArray[Any]]
Chunk = tuple[Any, Feed]
"""The rows, as an index, and what the graph gets for them."""


def of_texts(features: Features) -> Iterator[Chunk]:
    """Raises PolicyError: there are no texts."""
    if features.texts is None:
        raise PolicyError("the policy reads texts; the features have none")
    encoded = encode(features.texts)
    if len(encoded) == 1:
        yield slice(None), {"text": pad(encoded)}
        return
    order = np.argsort(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)), kind="stable")
    end = len(order)
    while end > 0:
        longest = len(encoded[order[end - 1]])
        begin = max(0, end - max(1, min(TEXTS_AT_ONCE, BYTES_AT_ONCE // (longest + 1))))
        rows = order[begin:end]
        yield rows, {"text": pad([encoded[row] for row in rows.tolist()])}
        end = begin


def of_vectors(features: Features, dimension: int) -> Iterator[Chunk]:
    """Raises PolicyError: there are no vectors, or they are not of this length."""
    vectors = matrix(features, dimension)
    for begin in range(0, len(vectors), VECTORS_AT_ONCE):
        rows = slice(begin, begin + VECTORS_AT_ONCE)
        yield rows, {"embedding": vectors[rows]}


def of_both(features: Features, dimension: int) -> Iterator[Chunk]:
    """Raises PolicyError: as both."""
    vectors = matrix(features, dimension)
    for rows, feed in of_texts(features):
        yield rows, feed | {"embedding": vectors[rows]}


def matrix(features: Features, dimension: int) -> NDArray[np.float32]:
    """The vectors as the graph takes them, float32 [n, dimension].

    Raises:
        PolicyError: there are none, or they are not of this length.
    """
    vectors = features.embeddings
    if vectors is None:
        raise PolicyError("the policy reads vectors; the features have none")
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise PolicyError(f"embeddings: shape {list(vectors.shape)}, but the policy reads [n, {dimension}]")
    return np.ascontiguousarray(vectors, dtype=np.float32)
