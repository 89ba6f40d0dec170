"""Inputs of a graph, chunk by chunk: texts of similar length together, vectors in their order.

The graph pads each text to the longest in its chunk, so texts are sorted by length, and a chunk ends before
it grows too large. No row's result depends on the other rows of its chunk.
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
"""The rows, as an index, and the graph's inputs for them."""


def of_texts(features: Features) -> Iterator[Chunk]:
    """Raises PolicyError: there are no texts."""
    if features.texts is None:
        raise PolicyError("features without texts: the policy reads texts")
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
    """Raises PolicyError: as `of_texts` and `of_vectors`."""
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
        raise PolicyError("features without embeddings: the policy reads vectors")
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise PolicyError(f"embeddings have the wrong shape: {list(vectors.shape)}, must be [n, {dimension}]")
    return np.ascontiguousarray(vectors, dtype=np.float32)
