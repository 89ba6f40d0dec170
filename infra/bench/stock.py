"""The reference for fitting and scoring: scikit-learn's logistic regression on the same kind of features."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer

from infra.bench.banking import Split
from models.features import Features

STRENGTH = 16.0


def of_texts(train: Split, iterations: int) -> Pipeline:
    """tf-idf of character n-grams of 2 to 5 that at least three texts have, which is as many as ours."""
    return _fitted(make_pipeline(_ngrams(), _regression(iterations)), train.rows.texts, train.labels)


def of_vectors(train: Split, iterations: int) -> Pipeline:
    return _fitted(make_pipeline(Normalizer(), _regression(iterations)), train.rows.embeddings, train.labels)


def of_both(train: Split, iterations: int) -> Pipeline:
    """Those n-grams and the vector side by side; it reads pairs of text and vector."""
    parts = (
        make_pipeline(FunctionTransformer(_first), _ngrams()),
        make_pipeline(FunctionTransformer(_second), Normalizer()),
    )
    return _fitted(
        make_pipeline(make_union(*parts), _regression(iterations)), pipeline_rows(train.rows), train.labels
    )


def pipeline_rows(rows: Features) -> Any:
    """Rows as the pipelines take them: texts, vectors, or pairs of both."""
    if rows.texts is None:
        return rows.embeddings
    return (
        list(rows.texts) if rows.embeddings is None else list(zip(rows.texts, rows.embeddings, strict=True))
    )


def _first(pairs: Sequence[Any]) -> list[str]:
    return [text for text, _ in pairs]


def _second(pairs: Sequence[Any]) -> NDArray[np.float32]:
    return np.stack([vector for _, vector in pairs])


def _ngrams() -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char", ngram_range=(2, 5), min_df=3, dtype=np.float32)


def _regression(iterations: int) -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=iterations)


def _fitted(pipeline: Pipeline, rows: object, labels: list[str]) -> Pipeline:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pipeline.fit(rows, labels)
