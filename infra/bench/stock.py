"""The reference for fitting and scoring: scikit-learn's logistic regression on the same kind of features."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer

from infra.bench.banking import Split

STRENGTH = 16.0


def of_texts(train: Split, iterations: int) -> Pipeline:
    """tf-idf of character n-grams of 2 to 5 that at least three texts have, which is as many as ours."""
    ngrams = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), min_df=3, dtype=np.float32)
    return _fitted(make_pipeline(ngrams, _regression(iterations)), train.rows.texts, train.labels)


def of_vectors(train: Split, iterations: int) -> Pipeline:
    return _fitted(make_pipeline(Normalizer(), _regression(iterations)), train.rows.embeddings, train.labels)


def _regression(iterations: int) -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=iterations)


def _fitted(pipeline: Pipeline, rows: object, labels: list[str]) -> Pipeline:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pipeline.fit(rows, labels)
