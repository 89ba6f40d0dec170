"""Pairs of similar texts on the two sides of the threshold, of which one is answered and one deferred."""

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
LONGEST = 2000


class BoundaryPair(Struct, frozen=True):
    """Two traces with similar texts.

    Attributes:
        answered, deferred: just above and just below the threshold.
        similarity: cosine of their TF-IDF character n-grams, in [0, 1].
    """

    answered: Example
    deferred: Example
    similarity: float


def boundary(study: Study, texts: Sequence[str], threshold: float) -> tuple[BoundaryPair, ...]:
    """The most similar pairs among the 120 traces nearest to the threshold on either side; no trace twice.

    Texts that are the same, or blank, are left out.
    """
    decided = decide(study, threshold)
    has_text = np.array([bool(text.strip()) for text in texts], dtype=np.bool_)
    above = _nearest(decided.answered & has_text, study.scores)
    below = _nearest(decided.low_score & has_text, -study.scores)
    if not len(above) or not len(below):
        return ()
    similarity = _similarities([texts[row] for row in above], [texts[row] for row in below])
    return tuple(
        BoundaryPair(
            example(study, texts, above[i]), example(study, texts, below[j]), float(similarity[i, j])
        )
        for i, j in _matches(similarity)
    )


def _nearest(mask: NDArray[np.bool_], order: NDArray[np.float32]) -> list[int]:
    rows = np.flatnonzero(mask)
    nearest: list[int] = rows[np.argsort(order[rows], kind="stable")][:NEAR].tolist()
    return nearest


def _similarities(above: list[str], below: list[str]) -> NDArray[np.float64]:
    """[above, below]; -1 where the texts are the same."""
    words = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    features = words.fit_transform([text[:LONGEST] for text in above + below])
    similarity: NDArray[np.float64] = (features[: len(above)] @ features[len(above) :].T).toarray()
    upper, lower = (np.array([_normalise(text) for text in side], dtype=object) for side in (above, below))
    return np.where(upper[:, None] == lower[None, :], -1.0, similarity)


def _normalise(text: str) -> str:
    return " ".join(text[:LONGEST].casefold().split())


def _matches(similarity: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Places of the most similar pairs, chosen greedily, each row and column once."""
    remaining = similarity.copy()
    matches: list[tuple[int, int]] = []
    while len(matches) < PAIRS and remaining.max() > 0.0:
        i, j = np.unravel_index(int(remaining.argmax()), remaining.shape)
        matches.append((int(i), int(j)))
        remaining[i, :] = remaining[:, j] = -1.0
    return matches
