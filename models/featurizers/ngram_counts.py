"""Sparse matrices of a vocabulary: how often texts have its n-grams, and which n-grams start which."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.featurizers.ngrams import Windows
from models.featurizers.vocabulary import FIRST, Vocabulary


def ngram_counts(vocabulary: Vocabulary, windows: Windows) -> sparse.csr_matrix:
    """How often each text has each row: float32 [texts, rows]."""
    ones = np.ones(len(windows.owner), dtype=np.float32)
    places = (windows.owner.astype(np.int32), vocabulary.rows(windows))
    return sparse.csr_matrix((ones, places), shape=(windows.texts, len(vocabulary)))


def ngram_chains(vocabulary: Vocabulary) -> sparse.csr_matrix:
    """float32 [rows, rows], one where the column's n-gram is the row's own or starts it."""
    kept = np.arange(FIRST, len(vocabulary))
    at, above = [kept], [kept]
    rows, parents = kept, vocabulary.parent[kept]
    while (alive := parents >= FIRST).any():
        rows, parents = rows[alive], parents[alive]
        at.append(rows)
        above.append(parents)
        parents = vocabulary.parent[parents]
    flat, columns = np.concatenate(at), np.concatenate(above)
    ones = np.ones(len(flat), dtype=np.float32)
    return sparse.csr_matrix((ones, (flat, columns)), shape=(len(vocabulary), len(vocabulary)))


def moved_to(rows: NDArray[np.int64]) -> sparse.csr_matrix:
    """float32 [n, n] that moves the count of each row to the row given for it."""
    places = (np.arange(len(rows)), rows)
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), places), shape=(len(rows), len(rows)))
