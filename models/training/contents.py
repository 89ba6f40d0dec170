"""Contents: rows that say the same, although their ids differ, are one content.

Retries under new ids, campaigns and exports that log each call twice repeat a text. A repeat in the rows that
a fold learns from tells its label; a new request has no such help. So the rows of one content share a fold,
and the gate counts a content once.

Texts say the same if their letters do, whatever their case, spaces, punctuation and digits; or if at least
`SAME` of their three-letter sequences are the same (MinHash, Broder 1997). Where there is no text, vectors
say the same if their cosine around their mean is at least `NEAR` (random hyperplanes, Charikar 2002). That is
near 1: vectors of few dimensions would else form chains that join different requests. Candidates are found by
locality-sensitive hashing, in time that grows with the number of rows: a near-duplicate may be overlooked, an
exact one never is.
"""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from models.features import Features
from models.featurizers.ngrams import encode, windows
from models.featurizers.row_blocks import row_blocks
from models.featurizers.unit_vectors import normalise

SAME = 0.85
NEAR = 0.9999
ALIKE = 0.9
TRIGRAMS = 1
HASHES, BAND = 32, 4
TABLES, BITS = 12, 14
ROWS_AT_ONCE = 4096

Rows = NDArray[np.int64]

_PUNCTUATION = re.compile(r"[\W\d_]+")


def content_of_rows(features: Features, seed: int = 0, *, text_is_read: bool = True) -> Rows:
    """The content of each row, int64 [n]: a number from 0, equal for rows that say the same.

    Texts decide where there are any, else vectors.

    Args:
        text_is_read: the policy reads the text. If not, the text may be a title or a constant, so rows with
            the same text say the same only if their vectors are near too.
    """
    rows, vectors = len(features), features.embeddings
    if features.texts is not None:
        plain = [letters_of(text) for text in features.texts]
        pairs = [_same_key(plain), _near_texts(plain, seed)]
        if not text_is_read and vectors is not None:
            unit = normalise(vectors.astype(np.float32))
            near = [_are_near(unit, *each, ALIKE) for each in pairs]
            pairs = [(first[kept], second[kept]) for (first, second), kept in zip(pairs, near, strict=True)]
            pairs.append(_same_key([(text, row.tobytes()) for text, row in zip(plain, vectors, strict=True)]))
        return _joined(rows, *pairs)
    if vectors is None:
        return np.arange(rows)
    around = normalise(vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32))
    return _joined(rows, _same_key([row.tobytes() for row in vectors]), _near_vectors(around, seed))


def letters_of(text: str) -> str:
    """The letters of a text in lower case, with one space for all else; the text itself if it has none."""
    return _PUNCTUATION.sub(" ", text.casefold()).strip() or text


def later_copies(contents: Rows) -> NDArray[np.bool_]:
    """bool [n]: the row says what an earlier row has said."""
    later = np.ones(len(contents), dtype=np.bool_)
    later[np.unique(contents, return_index=True)[1]] = False
    return later


def _joined(rows: int, *pairs: tuple[Rows, Rows]) -> Rows:
    """Contents from pairs of rows that say the same, and all that follows from them."""
    first, second = (np.concatenate(each) for each in zip(*pairs, strict=True))
    links = sparse.coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(rows, rows))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _same_key(keys: Sequence[object]) -> tuple[Rows, Rows]:
    """Each row, and the first row with an equal key."""
    first: dict[object, int] = {}
    firsts = [first.setdefault(key, row) for row, key in enumerate(keys)]
    return np.arange(len(keys)), np.array(firsts, dtype=np.int64)


def _are_near(unit: NDArray[np.float32], first: Rows, second: Rows, least: float) -> NDArray[np.bool_]:
    """For each pair of rows, bool [pairs]: the cosine of their vectors of length one is at least `least`."""
    near = np.empty(len(first), dtype=np.bool_)
    for block in row_blocks(len(first), 2 * unit.shape[1]):
        near[block] = np.einsum("nd,nd->n", unit[first[block]], unit[second[block]]) >= least
    return near


def _near_texts(plain: Sequence[str], seed: int) -> tuple[Rows, Rows]:
    signatures = _signatures(plain, np.random.default_rng(seed))
    bands = (
        np.ascontiguousarray(signatures[:, start : start + BAND]).view(f"V{4 * BAND}")[:, 0]
        for start in range(0, HASHES, BAND)
    )

    def alike(first: Rows, second: Rows) -> NDArray[np.bool_]:
        return np.asarray((signatures[first] == signatures[second]).mean(axis=1) >= SAME)

    return _candidates(bands, alike)


def _near_vectors(unit: NDArray[np.float32], seed: int) -> tuple[Rows, Rows]:
    generator = np.random.default_rng(seed)
    powers = 1 << np.arange(BITS)
    planes = (generator.standard_normal((unit.shape[1], BITS)).astype(np.float32) for _ in range(TABLES))
    tables = ((unit @ plane > 0.0) @ powers for plane in planes)

    return _candidates(tables, lambda first, second: _are_near(unit, first, second, NEAR))


def _candidates(
    tables: Iterable[NDArray[np.generic]], alike: Callable[[Rows, Rows], NDArray[np.bool_]]
) -> tuple[Rows, Rows]:
    """Neighbours in the order of each table's keys, with an equal key, that are alike."""
    pairs: list[Rows] = [np.empty((2, 0), dtype=np.int64)]
    for keys in tables:
        _, numbers = np.unique(keys, return_inverse=True)
        order = np.argsort(numbers, kind="stable")
        close = np.flatnonzero(numbers[order][1:] == numbers[order][:-1])
        first, second = order[close], order[close + 1]
        kept = alike(first, second)
        pairs.append(np.stack([first[kept], second[kept]]))
    first, second = np.concatenate(pairs, axis=1)
    return first, second


def _signatures(plain: Sequence[str], generator: np.random.Generator) -> NDArray[np.uint32]:
    """MinHash of the three-letter sequences of each text, [n, HASHES]."""
    factors = generator.integers(1, 1 << 32, HASHES, dtype=np.uint32) | np.uint32(1)
    signatures = np.empty((len(plain), HASHES), dtype=np.uint32)
    for begin in range(0, len(plain), ROWS_AT_ONCE):
        cells = windows(encode(plain[begin : begin + ROWS_AT_ONCE]))
        starts = np.flatnonzero(np.diff(cells.owner, prepend=-1))
        grams = cells.buckets[TRIGRAMS].astype(np.uint32) * np.uint32(2654435761)
        for place, factor in enumerate(factors):
            mixed = (grams ^ (grams >> np.uint32(15))) * factor
            mixed ^= mixed >> np.uint32(13)
            signatures[begin : begin + ROWS_AT_ONCE, place] = np.minimum.reduceat(mixed, starts)
    return signatures
