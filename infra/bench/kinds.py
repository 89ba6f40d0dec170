"""Kinds of policy that are measured: text, vectors that requests bring, both together, or in turn.

The reference of each is scikit-learn's logistic regression on the same kind of features.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer

from infra.bench.corpora import Split
from infra.errors import MissingData
from models.features import Features

STRENGTH = 16.0
"""C of the reference: its inverse regularisation."""


@dataclass(frozen=True, slots=True)
class FeatureKind:
    """What differs between the kinds.

    Attributes:
        name: begins the names of its figures.
        embedder: as in a task's config.
        rows: what a policy of this kind reads of a split.
        stock: fits its scikit-learn reference on a split, with that many iterations at most.
    """

    name: str
    embedder: str
    rows: Callable[[Split], Features]
    stock: Callable[[Split, int], Pipeline]


def fit_stock_on_texts(train: Split, iterations: int) -> Pipeline:
    """tf-idf of character n-grams of 2 to 5 that at least three texts have, which is as many as ours."""
    return _fit_quietly(make_pipeline(_ngrams(), _regression(iterations)), train.rows.texts, train.labels)


def fit_stock_on_vectors(train: Split, iterations: int) -> Pipeline:
    pipeline = make_pipeline(Normalizer(), _regression(iterations))
    return _fit_quietly(pipeline, train.rows.embeddings, train.labels)


def fit_stock_on_both(train: Split, iterations: int) -> Pipeline:
    """Those n-grams and the vector side by side; it reads pairs of text and vector."""
    parts = (
        make_pipeline(FunctionTransformer(_texts_of_pairs), _ngrams()),
        make_pipeline(FunctionTransformer(_vectors_of_pairs), Normalizer()),
    )
    pipeline = make_pipeline(make_union(*parts), _regression(iterations))
    return _fit_quietly(pipeline, pipeline_rows(train.rows), train.labels)


KINDS = (
    FeatureKind("text", "text", attrgetter("texts"), fit_stock_on_texts),
    FeatureKind("vectors", "precomputed", attrgetter("vectors"), fit_stock_on_vectors),
)
COMBINED_KINDS = (
    FeatureKind("text+vectors", "text+precomputed", attrgetter("rows"), fit_stock_on_both),
    FeatureKind("text>vectors", "text>precomputed", attrgetter("rows"), fit_stock_on_both),
)
"""Both at once; and text first, then the vector for what the text stage defers."""


def chosen_kinds(names: Sequence[str]) -> tuple[FeatureKind, ...]:
    """The kinds of these names; all where no name is given.

    Raises:
        MissingData: there is no such kind.
    """
    known = {kind.name: kind for kind in (*KINDS, *COMBINED_KINDS)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise MissingData(f"no kind of policy is called {unknown[0]!r}: there are {', '.join(known)}")
    return tuple(kind for kind in known.values() if not names or kind.name in names)


def pipeline_rows(rows: Features) -> Any:
    """Rows as the scikit-learn pipelines take them: texts, vectors, or pairs of both."""
    if rows.texts is None:
        return rows.embeddings
    return (
        list(rows.texts) if rows.embeddings is None else list(zip(rows.texts, rows.embeddings, strict=True))
    )


def _texts_of_pairs(pairs: Sequence[Any]) -> list[str]:
    return [text for text, _ in pairs]


def _vectors_of_pairs(pairs: Sequence[Any]) -> NDArray[np.float32]:
    return np.stack([vector for _, vector in pairs])


def _ngrams() -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char", ngram_range=(2, 5), min_df=3, dtype=np.float32)


def _regression(iterations: int) -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=iterations)


def _fit_quietly(pipeline: Pipeline, rows: object, labels: list[str]) -> Pipeline:
    """Without the warning that the iterations did not suffice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pipeline.fit(rows, labels)
