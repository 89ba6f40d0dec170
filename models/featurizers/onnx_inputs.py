"""Inputs of a graph, chunk by chunk: texts of similar length together, vectors in their order.

Texts are padded to the longest in their chunk, so they are sorted by length, and a chunk ends before it grows
too large. A graph that reads texts alone is cheap to run, so its texts are also parted where padding costs
more than another run. No row's result depends on the other rows of its chunk.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import PolicyError
from models.features import Features
from models.featurizers.ngrams import encode, pad, window_bytes

TEXTS_AT_ONCE = 64
BYTES_AT_ONCE = 8192
VECTORS_AT_ONCE = 128
PADDING_AT_ONCE = 700
"""Bytes of padding that cost about as much as another run of a graph that reads texts alone."""

Feed = dict[str, NDArray[Any]]
Chunk = tuple[Any, Feed]
"""The rows, as an index, and the graph's inputs for them."""

ALL_ROWS = slice(None)
"""The index of the only chunk, where its rows are in their order."""

WINDOWS, TEXT, EMBEDDING = "windows", "text", "embedding"
TEXT_INPUTS: dict[str, Callable[[Sequence[bytes]], NDArray[np.uint8]]] = {WINDOWS: window_bytes, TEXT: pad}
"""What makes the input that a graph reads texts by; `TEXT` is that of older policies."""


def numbered(name: str, number: int) -> str:
    """The name itself for the first of its kind, `name2` for the second."""
    return name if number == 0 else f"{name}{number + 1}"


def vector_input(source: int) -> str:
    """The input that a graph reads the vectors of a source by; 0 for the only or first one."""
    return numbered(EMBEDDING, source)


def of_texts(features: Features, name: str = WINDOWS, padding: int = PADDING_AT_ONCE) -> Iterator[Chunk]:
    """Texts as the input of this name, with so many bytes of padding in a chunk at most.

    Raises:
        PolicyError: there are no texts.
    """
    if features.texts is None:
        raise PolicyError("features without texts: the policy reads texts")
    encoded, text_input = encode(features.texts), TEXT_INPUTS[name]
    if len(encoded) == 1:
        yield ALL_ROWS, {name: text_input(encoded)}
        return
    order = sorted(range(len(encoded)), key=lambda row: len(encoded[row]), reverse=True)
    falling = [encoded[row] for row in order]
    for begin, end in _chunks_of_lengths([len(text) + 1 for text in falling], padding):
        yield order[begin:end], {name: text_input(falling[begin:end])}


def _chunks_of_lengths(lengths: Sequence[int], most_padding: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each chunk of texts with these falling lengths."""
    begin = padding = 0
    for row, length in enumerate(lengths):
        longest, count = lengths[begin], row - begin
        padding += longest - length
        full = count == TEXTS_AT_ONCE or (count + 1) * longest > BYTES_AT_ONCE
        if count > 0 and (full or padding > most_padding):
            yield begin, row
            begin, padding = row, 0
    if begin < len(lengths):
        yield begin, len(lengths)


def of_vectors(features: Features, dimension: int, name: str = EMBEDDING) -> Iterator[Chunk]:
    """Vectors as the input of this name. Raises PolicyError: there are none, or not of this length."""
    vectors = matrix(features, dimension)
    if 0 < len(vectors) <= VECTORS_AT_ONCE:
        yield ALL_ROWS, {name: vectors}
        return
    for begin in range(0, len(vectors), VECTORS_AT_ONCE):
        rows = slice(begin, begin + VECTORS_AT_ONCE)
        yield rows, {name: vectors[rows]}


def of_both(
    features: Features, dimension: int, name: str = WINDOWS, vectors: str = EMBEDDING
) -> Iterator[Chunk]:
    """Texts and vectors as the inputs of these names. Raises PolicyError: as `of_texts` and `of_vectors`."""
    found = matrix(features, dimension)
    for rows, feed in of_texts(features, name, BYTES_AT_ONCE):
        yield rows, feed | {vectors: found[rows]}


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
