"""Repeated requests among traces, the same or nearly the same: disjoint pairs, in about linear time.

The same: texts that differ only in case, white space and sentence marks, or vectors of the same direction.
Nearly the same: texts whose sets of 4-grams overlap by `ALIKE` (Jaccard), or vectors at a cosine of `NEAR`
around their mean. 4-grams in more than a fifth of the texts belong to a template, not to the question, and
are left out. Candidates come from MinHash (Broder 1997) and random hyperplanes (Charikar 2002) in bands: rows
with the same key in a band are next to each other when sorted by it, and only neighbours are compared.

No label is used, and each trace is in one pair at most, so pairs are independent.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.features import Features
from models.featurizers.ngrams import ORDERS, encode, windows
from models.featurizers.unit_vectors import normalise

ALIKE = 0.8
NEAR, SAME = 0.98, 0.9999
ENOUGH = 200
TEMPLATE = 0.2
LEAST_GRAMS = 12
MOST_BYTES, MOST_BYTES_IN_ALL = 512, 10_000_000
BANDS, IN_BAND = 8, 8
PLANES = 16
_SEED = 20

_APOSTROPHES = re.compile(r"['`\u00b4\u2018\u2019]")
_STOPS = r"[\s.,;:!?\"\u201c\u201d\u201e\u00ab\u00bb\u2026()\[\]{}\u00bf\u00a1\u3001\u3002]"
_DASHES = r"(?<=[^\W\d])[\u2010-\u2014-](?=[^\W\d])"
_MARKS = re.compile(f"(?:{_STOPS}|{_DASHES})+")

Rows = NDArray[np.int64]
_NONE: Rows = np.empty((0, 2), dtype=np.int64)
Alike = Callable[[Rows, Rows], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows, each row in one at most.

    Attributes:
        first, second: int64 [pairs].
        same: the first `same` pairs are the same, the others nearly the same.
    """

    first: Rows
    second: Rows
    same: int

    def __len__(self) -> int:
        return len(self.first)


def repeated_pairs(features: Features) -> Pairs:
    """Pairs of rows that are the same and, if those are fewer than `ENOUGH`, pairs that are nearly the same.

    Texts are compared where there are texts, else vectors.
    """
    if features.texts is not None:
        return _text_pairs(features.texts)
    vectors = features.embeddings
    assert vectors is not None  # noqa: S101 - `Features` has one or the other
    return _vector_pairs(vectors) if len(vectors) else _as_pairs(_NONE, _NONE)


def plain_text(text: str) -> str:
    """The text without case, sentence marks and extra white space; only stripped if nothing would remain."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _MARKS.sub(" ", _APOSTROPHES.sub("", folded)).strip() or folded.strip()


def _text_pairs(texts: Sequence[str]) -> Pairs:
    plain = [plain_text(text) for text in texts]
    place = {text: number for number, text in enumerate(dict.fromkeys(plain))}
    group = np.array([place[text] for text in plain], dtype=np.uint64)
    free = np.ones(len(plain), dtype=np.bool_)
    same = _match(group[None], free, lambda left, _right: np.ones(len(left), dtype=np.bool_))
    if len(same) >= ENOUGH:
        return _as_pairs(same, _NONE)
    rows = _short_rows(plain, free)
    if len(rows) < 2:
        return _as_pairs(same, _NONE)
    grams = _grams([plain[row] for row in rows])
    near = _match(_signatures(grams), np.ones(len(rows), dtype=np.bool_), _overlapping(grams))
    return _as_pairs(same, rows[near])


def _vector_pairs(vectors: NDArray[np.float32]) -> Pairs:
    around = normalise(vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32))
    planes = np.random.default_rng(_SEED).standard_normal((vectors.shape[1], BANDS * PLANES))
    sides = (around @ planes.astype(np.float32) > 0).reshape(len(vectors), BANDS, PLANES)
    keys = (sides @ (1 << np.arange(PLANES))).T.astype(np.uint64)
    free = np.ones(len(vectors), dtype=np.bool_)
    same = _match(keys, free, _same_direction(around, SAME))
    near = _NONE if len(same) >= ENOUGH else _match(keys, free, _same_direction(around, NEAR))
    return _as_pairs(same, near)


def _as_pairs(same: Rows, near: Rows) -> Pairs:
    every = np.concatenate([same, near])
    return Pairs(every[:, 0], every[:, 1], len(same))


def _match(keys: NDArray[np.uint64], free: NDArray[np.bool_], alike: Alike) -> Rows:
    """Pairs [pairs, 2] of rows that share a key in some band and are alike; marks them as not free.

    Args:
        keys: [bands, n].
        free: bool [n], rows that may be paired; changed in place.
    """
    pairs = [_NONE]
    for band, key in enumerate(keys):
        rows = np.flatnonzero(free)
        order = rows[np.lexsort((keys[(band + 1) % len(keys), rows], key[rows]))]
        fresh = np.append(True, key[order[1:]] != key[order[:-1]])[: len(order)]
        begins = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
        even = (np.arange(len(order)) - begins) % 2 == 0
        places = np.flatnonzero(even[:-1] & ~fresh[1:])
        left, right = order[places], order[places + 1]
        good = alike(left, right)
        pairs.append(np.sort(np.stack([left[good], right[good]], axis=1), axis=1))
        free[pairs[-1]] = False
    return np.concatenate(pairs)


def _short_rows(plain: Sequence[str], free: NDArray[np.bool_]) -> Rows:
    """Free rows of at most `MOST_BYTES`, the first of each text, as many as `MOST_BYTES_IN_ALL` allow."""
    first = {plain[row]: row for row in np.flatnonzero(free)[::-1].tolist()}
    sizes = [(row, len(text.encode("utf-8", "replace"))) for text, row in reversed(first.items())]
    kept = np.array([pair for pair in sizes if pair[1] <= MOST_BYTES], dtype=np.int64).reshape(-1, 2)
    return np.asarray(kept[np.cumsum(kept[:, 1]) <= MOST_BYTES_IN_ALL, 0])


def _grams(texts: Sequence[str]) -> sparse.csr_matrix:
    """The 4-grams of each text, [texts, buckets], without those of templates; rows with few are empty."""
    cells = windows(encode(texts))
    order = ORDERS.index(4)
    whole = ~cells.ended[order]
    buckets, owner = cells.buckets[order][whole], cells.owner[whole]
    shape = (len(texts), int(buckets.max(initial=0)) + 1)
    grams = sparse.csr_matrix((np.ones(len(owner), dtype=np.int32), (owner, buckets)), shape=shape)
    grams.data[:] = 1
    common = grams.getnnz(axis=0) > max(1.0, TEMPLATE * len(texts))
    grams.data[common[grams.indices]] = 0
    grams.eliminate_zeros()
    grams.data[np.repeat(grams.getnnz(axis=1) < LEAST_GRAMS, grams.getnnz(axis=1))] = 0
    grams.eliminate_zeros()
    return grams


def _signatures(grams: sparse.csr_matrix) -> NDArray[np.uint64]:
    """MinHash keys [bands, texts]; each text without 4-grams gets keys that no other has."""
    generator = np.random.default_rng(_SEED)
    filled = np.flatnonzero(grams.getnnz(axis=1))
    starts = grams.indptr[filled]
    keys = np.tile(np.arange(grams.shape[0], dtype=np.uint64), (BANDS, 1))
    if len(filled) == 0:
        return keys
    codes = grams.indices.astype(np.uint64) + np.uint64(1)
    for band in range(BANDS):
        key = np.zeros(len(filled), dtype=np.uint64)
        for factor in generator.integers(1 << 62, size=IN_BAND, dtype=np.uint64) * 2 + 1:
            mixed = (codes * factor) >> np.uint64(32)
            key = key * np.uint64(0x9E3779B97F4A7C15) + np.minimum.reduceat(mixed, starts)
        keys[band, filled] = key | np.uint64(1 << 63)
    return keys


def _overlapping(grams: sparse.csr_matrix) -> Alike:
    sizes = grams.getnnz(axis=1)

    def alike(left: Rows, right: Rows) -> NDArray[np.bool_]:
        both = np.asarray(grams[left].multiply(grams[right]).sum(axis=1)).ravel()
        return np.asarray((both > 0) & (both >= ALIKE * (sizes[left] + sizes[right] - both)))

    return alike


def _same_direction(around: NDArray[np.float32], least: float) -> Alike:
    def alike(left: Rows, right: Rows) -> NDArray[np.bool_]:
        return np.asarray(np.einsum("nd,nd->n", around[left], around[right]) >= least)

    return alike
