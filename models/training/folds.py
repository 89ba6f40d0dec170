"""Folds, selection traces and gate traces: no trace tests what its own label has taught or chosen.

Every trace is scored by models that have not seen its label (folds). Folds are random: they must not be even
in each label, for a label's other traces would then be there whenever one of them is held out, and a new
request has no such promise. Where there are many contents a hash of each decides, so that a refit holds it
out with the same fold (`models.training.fold_models`). The rows of one content (`models.training.contents`)
share a fold, and the gate counts one of them: copies that depend on each other, such as retries, prove
nothing more.

Where copies are requests of their own, and recur as often in the future (`Options.recurring`), each is
counted as it came. The first row of a content is scored by models that have not learned from the content; a
later one is not learned from, and is scored by models that have learned from the first, just as a request
that recurs. Then rows are independent draws, and a threshold's agreements are binomial as before.

Where there are enough sampled traces, a tenth of them become selection traces: C, pool weights, temperature,
calibration, acceptor and blocked labels are decided on those alone. The other sampled traces, one
of each content, are the gate traces, on which the gate tests thresholds. So a longer search can't make a
threshold pass. With fewer sampled traces, setting some apart would cost more than the choices gain: then no
label decides anything that changes the order of one stage's answers, and all sampled traces are gate traces.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from models.features import Features

FEWEST_FOLDS, MOST_FOLDS = 10, 60
FOLD_WORK = 60_000
STABLE = 6000
AMPLE = 5000
SELECTION_SHARE = 0.1
GOLDEN = (5**0.5 - 1) / 2

Rows = NDArray[np.int64]


def fold_count(rows: int) -> int:
    """Number of folds: many where rows are few, since a fold model must come close to a model of all rows."""
    return min(int(np.clip(round(FOLD_WORK / rows), FEWEST_FOLDS, MOST_FOLDS)), rows)


def assign_folds(contents: Rows, seed: int, keys: NDArray[np.float64] | None = None) -> Rows:
    """Fold of each row, int64 [n].

    With `STABLE` contents or more a hash of the content decides. With fewer, contents in random order are cut
    into folds of about equal size, since those of a hash would differ much.

    Args:
        contents: int64 [n], from 0.
        keys: of the rows, see `keys`; None to cut in any case.
    """
    count = int(contents.max()) + 1
    if keys is not None and count >= STABLE:
        u = _scattered(_lowest(keys, contents), seed)
        fold = np.asarray(u * fold_count(len(contents)), dtype=np.int64)
    else:
        order = np.random.default_rng(seed).permutation(count)
        sizes = np.bincount(contents)[order]
        fold = np.empty(count, dtype=np.int64)
        fold[order] = (np.cumsum(sizes) - sizes) * fold_count(len(contents)) // len(contents)
    return np.asarray(np.unique(fold[contents], return_inverse=True)[1], dtype=np.int64)


def _lowest(keys: NDArray[np.float64], contents: Rows) -> NDArray[np.float64]:
    """The lowest key of each content, [contents]."""
    lowest = np.ones(int(contents.max()) + 1)
    np.minimum.at(lowest, contents, keys)
    return lowest


def _scattered(keys: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) that depend on keys and seed alone, and look independent of the keys.

    Selection traces are those of the lowest keys; they must be in all folds. (The steps of splitmix64.)
    """
    mixed = (keys * 2.0**53).astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)) / 2.0**53)


def moved_on(folds: Rows, later: NDArray[np.bool_]) -> Rows:
    """Folds, int64 [n], of which the rows in `later`, bool [n], are held out with the next fold."""
    return np.where(later, (folds + 1) % (int(folds.max()) + 1), folds)


def keys(features: Features) -> NDArray[np.float64]:
    """A number in [0, 1) for each row, [n], from a hash of its content: the same in every fit."""
    vectors = features.embeddings
    if features.texts is not None:
        content = [text.encode("utf-8", "replace") for text in features.texts]
    else:
        content = [] if vectors is None else [row.tobytes() for row in vectors]
    digests = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in content)
    return np.frombuffer(digests, dtype="<u8") / 2.0**64


def keys_of_copies(keys: NDArray[np.float64], contents: Rows) -> NDArray[np.float64]:
    """Keys in [0, 1), [n], that differ among the rows of one content: by the number of rows before it."""
    order = np.argsort(contents, kind="stable")
    begins = np.flatnonzero(np.diff(contents[order], prepend=-1))
    place = np.empty(len(keys), dtype=np.int64)
    place[order] = np.arange(len(keys)) - np.repeat(begins, np.diff(np.append(begins, len(keys))))
    return np.asarray((keys + place * GOLDEN) % 1.0)


def selection_rows(
    sampled: NDArray[np.bool_], keys: NDArray[np.float64], contents: Rows
) -> NDArray[np.bool_]:
    """The selection traces, bool [n]: about a tenth of the sampled ones, none if those are fewer than
    `AMPLE`.

    The content decides, so a selection trace of a parent is not a gate trace of its child.
    """
    lowest = _lowest(keys, contents)[contents]
    return np.asarray(sampled & (lowest < SELECTION_SHARE) & (sampled.sum() >= AMPLE))


def one_of_each(rows: NDArray[np.bool_], contents: Rows, seed: int) -> NDArray[np.bool_]:
    """One of `rows` for each content that has any, drawn at random, bool [n]."""
    shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(rows))
    _, first = np.unique(contents[shuffled], return_index=True)
    drawn = np.zeros(len(rows), dtype=np.bool_)
    drawn[shuffled[first]] = True
    return drawn
