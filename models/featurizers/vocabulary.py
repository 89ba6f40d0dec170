"""The vocabulary of a fit: the n-grams that it keeps, and the row of the longest one that starts a window.

Row 0 is padding, row 1 a window that starts with no kept n-gram; the kept n-grams follow, short ones first.
So the largest row among a window's four lookups is its longest kept n-gram, and one gather serves all four: a
row stands for its n-gram and for every kept n-gram that starts it (its chain).

Where n-grams share a bucket, the one in most texts owns it, and the others count as that one. The fit looks
up exactly as the graph does, so both see the same features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.featurizers.ngrams import BUCKETS, INSIDE, ORDERS, Windows

LEAST_CONTENTS = 3
MOST_ROWS = 65_536
PADDING, UNKNOWN, FIRST = 0, 1, 2
IDF_POWER = 0.7
PLACE_WEIGHTS = np.array([0.25, 1.0, 1.0, 1.5, 2.0], dtype=np.float32)
"""Weight of an n-gram by its place, in the order of `ngrams.CROSSING` to `WHOLE`; chosen on Banking77."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The kept n-grams of a set of texts.

    Attributes:
        table: int32 [BUCKETS], row of each bucket; UNKNOWN where no n-gram is kept, PADDING for bucket 0.
        order: int64 [rows], bytes of each row's n-gram, 0 for the first two rows.
        count: int64 [rows], number of contents that have it.
        parent: int64 [rows], row of the longest kept n-gram that starts it, else UNKNOWN.
        place: int64 [rows], where the n-gram lies, as in `Windows`, at the first window that has it.
        contents: number of contents.
    """

    table: NDArray[np.int32]
    order: NDArray[np.int64]
    count: NDArray[np.int64]
    parent: NDArray[np.int64]
    place: NDArray[np.int64]
    contents: int

    def __len__(self) -> int:
        return len(self.order)

    def rows(self, windows: Windows) -> NDArray[np.int32]:
        """Row of each window, [p]."""
        return self.table[windows.buckets].max(axis=0)  # type: ignore[no-any-return]

    def without_one(self) -> NDArray[np.int64]:
        """For each row the row that is left in a vocabulary with one content less, which had the n-gram.

        That is the row itself, or the longest n-gram that starts it and that enough other contents have.
        """
        left = np.arange(len(self))
        cut = len(self) >= FIRST + MOST_ROWS
        least = int(self.count[FIRST:].min()) if cut else LEAST_CONTENTS
        lost = (self.order > 0) & (self.count <= least)
        for size in ORDERS:
            rows = np.flatnonzero(lost & (self.order == size))
            left[rows] = left[self.parent[rows]]
        return left

    def idf(self) -> NDArray[np.float32]:
        """Inverse document frequency, smoothed and damped, times the weight of the n-gram's place, [rows].

        It is 0 for rows that are not n-grams.
        """
        rarity = np.log((1 + self.contents) / (1 + self.count)) + 1
        weight = rarity**IDF_POWER * PLACE_WEIGHTS[self.place]
        return np.where(self.order > 0, weight, 0.0).astype(np.float32)


def learn_vocabulary(windows: Windows, contents: NDArray[np.int64]) -> Vocabulary:
    """Keep the n-grams that at least `LEAST_CONTENTS` contents have, at most `MOST_ROWS` of the commonest.

    Args:
        contents: int64 [texts], from 0, equal for texts that say the same.
    """
    order, count = _owners(windows, contents)
    kept = np.flatnonzero(count >= LEAST_CONTENTS)
    if len(kept) > MOST_ROWS:
        kept = kept[np.argsort(-count[kept], kind="stable")[:MOST_ROWS]]
    kept = kept[np.lexsort((kept, order[kept]))]
    table = np.full(BUCKETS, UNKNOWN, dtype=np.int32)
    table[kept] = np.arange(FIRST, FIRST + len(kept))
    table[0] = PADDING
    orders = np.concatenate([[0, 0], order[kept]])
    counts = np.concatenate([[0, 0], count[kept]])
    parents, places = _parents(windows, table, orders), _places(windows, table, orders)
    return Vocabulary(table, orders, counts, parents, places, len(np.unique(contents)))


def _owners(windows: Windows, contents: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each bucket the size of the n-gram that owns it, and the number of contents that have it."""
    best = np.zeros(BUCKETS, dtype=np.int64)
    order = np.zeros(BUCKETS, dtype=np.int64)
    for row, size in enumerate(ORDERS):
        keys = contents[windows.owner] * BUCKETS + windows.buckets[row]
        keys = keys[~windows.ended[row]]
        count = np.bincount(_distinct(keys) % BUCKETS, minlength=BUCKETS)
        order[count > best] = size
        np.maximum(best, count, out=best)
    best[0] = 0
    return order, best


def _distinct(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys


def _parents(windows: Windows, table: NDArray[np.int32], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Parent of each row: the longest shorter n-gram kept at the first window with the row's n-gram."""
    parent = np.full(len(order), UNKNOWN, dtype=np.int64)
    found = table[windows.buckets].astype(np.int64)
    for row, size in enumerate(ORDERS):
        own = (order[found[row]] == size) & ~windows.ended[row]
        rows, first = np.unique(found[row][own], return_index=True)
        for shorter in range(row):
            begins = found[shorter][own][first]
            begins = np.where(order[begins] < size, begins, UNKNOWN)
            parent[rows] = np.maximum(parent[rows], begins)
    return parent


def _places(windows: Windows, table: NDArray[np.int32], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of each row: that of the first window with the row's n-gram."""
    place = np.full(len(order), INSIDE, dtype=np.int64)
    for row, size in enumerate(ORDERS):
        found = table[windows.buckets[row]]
        own = (order[found] == size) & ~windows.ended[row]
        rows, first = np.unique(found[own], return_index=True)
        place[rows] = windows.place[row][own][first]
    return place
