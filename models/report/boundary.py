"""Pairs of like texts on the two sides of the threshold: where the line is drawn that answers one of them."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from models.report.decisions import decide
from models.report.examples import Example, example
from models.study import Study

PAIRS = 6
NEAR = 120
READ = 2000


class BoundaryPair(Struct, frozen=True):
    """Two traces.

    Attributes:
        answered, deferred: just above and just below the threshold.
        likeness: cosine of their TF-IDF character n-grams, in [0, 1].
    """

    answered: Example
    deferred: Example
    likeness: float


def boundary(study: Study, texts: Sequence[str], threshold: float) -> tuple[BoundaryPair, ...]:
    """The likest pairs among the 120 traces nearest to the threshold on either side; no trace twice.

    Texts that are the same, or blank, tell nothing and are left out.
    """
    decided = decide(study, threshold)
    told = np.array([bool(text.strip()) for text in texts], dtype=np.bool_)
    above = _nearest(decided.answered & told, study.scores)
    below = _nearest(decided.low_score & told, -study.scores)
    if not len(above) or not len(below):
        return ()
    likeness = _likeness([texts[row] for row in above], [texts[row] for row in below])
    return tuple(
        BoundaryPair(example(study, texts, above[i]), example(study, texts, below[j]), float(likeness[i, j]))
        for i, j in _matches(likeness)
    )


def _nearest(mask: NDArray[np.bool_], order: NDArray[np.float32]) -> list[int]:
    rows = np.flatnonzero(mask)
    nearest: list[int] = rows[np.argsort(order[rows], kind="stable")][:NEAR].tolist()
    return nearest


def _likeness(above: list[str], below: list[str]) -> NDArray[np.float64]:
    """[above, below]; -1 where the texts are the same."""
    words = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    found = words.fit_transform([text[:READ] for text in above + below])
    likeness: NDArray[np.float64] = (found[: len(above)] @ found[len(above) :].T).toarray()
    upper, lower = (np.array([_plain(text) for text in side], dtype=object) for side in (above, below))
    return np.where(upper[:, None] == lower[None, :], -1.0, likeness)


def _plain(text: str) -> str:
    return " ".join(text[:READ].casefold().split())


def _matches(likeness: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Places of the likest pairs, greedily, each row and column once."""
    left = likeness.copy()
    matches: list[tuple[int, int]] = []
    while len(matches) < PAIRS and left.max() > 0.0:
        i, j = np.unravel_index(int(left.argmax()), left.shape)
        matches.append((int(i), int(j)))
        left[i, :] = left[:, j] = -1.0
    return matches
