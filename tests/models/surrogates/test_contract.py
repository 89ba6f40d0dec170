"""The contract of surrogates: scores are out of fold, and the graph gives the same logits."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import onnxruntime
import pytest

from models.features import Features
from models.featurizers.contract import Featurizer
from models.featurizers.ngrams import encode, window_bytes
from models.featurizers.text import TextFeaturizer
from models.featurizers.vectors import VectorFeaturizer
from models.graph.building import FLOAT, Graph
from models.surrogates import boosting, linear, neighbours, perceptron, sgd, text_linear, trees
from models.surrogates.contract import Surrogate, TrainingTargets

from ..conftest import VERBS, draw_texts, draw_vectors

ROWS = 400


@dataclass(frozen=True)
class Subject:
    """A surrogate on the features that it reads; `close` is how near its graph comes to it."""

    learn: Callable[[Any, TrainingTargets], Surrogate]
    reads: str
    close: float


SUBJECTS = {
    "logistic on text": Subject(linear.learn, "text", 3e-3),
    "logistic and fastText": Subject(partial(text_linear.learn, fewest=0, ample=0), "text", 2e-3),
    "logistic and fastText, few traces": Subject(partial(text_linear.learn, fewest=0), "text", 2e-3),
    "logistic on vectors": Subject(linear.learn, "vectors", 1e-4),
    "neighbours": Subject(neighbours.learn, "vectors", 1e-3),
    "perceptron": Subject(perceptron.learn, "vectors", 1e-4),
    "boosting": Subject(boosting.learn, "vectors", 1e-3),
    "trees": Subject(trees.learn, "vectors", 1e-3),
    "sgd on text": Subject(sgd.learn, "text", 1e-2),
    "sgd on vectors": Subject(sgd.learn, "vectors", 1e-3),
}


def drawn(reads: str, rows: int, seed: int) -> tuple[Features, np.ndarray]:
    features, labels = (draw_texts if reads == "text" else draw_vectors)(rows, seed)
    return features, np.array([sorted(VERBS).index(label) for label in labels])


def taught(
    subject: Subject,
    codes: np.ndarray | None = None,
    held: np.ndarray | None = None,
    labels: int = len(VERBS),
) -> tuple[Surrogate, Featurizer, np.ndarray]:
    features, known = drawn(subject.reads, ROWS, 1)
    codes = known if codes is None else codes
    held = np.arange(ROWS) % 3 if held is None else held
    targets = TrainingTargets(codes, labels, held, None, np.zeros(ROWS, dtype=np.bool_), 0)
    if features.texts is not None:
        featurizer: Featurizer = TextFeaturizer(features.texts, 0)
    else:
        assert features.embeddings is not None
        featurizer = VectorFeaturizer(features.embeddings, codes, labels, held)
    return subject.learn(featurizer, targets), featurizer, codes


def matrix_of(surrogate: Surrogate, featurizer: Featurizer, features: Features) -> Any:
    """What the surrogate predicts from."""
    if isinstance(surrogate, text_linear.TextLinear):
        assert isinstance(featurizer, TextFeaturizer)
        return featurizer.transform_terms(features)
    return featurizer.transform(features)


@cache
def usual(subject: Subject) -> tuple[Surrogate, Featurizer, np.ndarray]:
    """Learned once for all tests that change nothing about it."""
    return taught(subject)


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


def test_its_graph_gives_the_same_logits(subject: Subject) -> None:
    surrogate, featurizer, _ = usual(subject)
    features, _ = drawn(subject.reads, 3000, 7)
    expected = surrogate.predict(matrix_of(surrogate, featurizer, features))
    graph = Graph()
    graph.output("logits", FLOAT, graph.add("Identity", surrogate.write(graph)))
    session = onnxruntime.InferenceSession(graph.serialise())
    feed = (
        {"embedding": features.embeddings}
        if features.texts is None
        else {"windows": window_bytes(encode(features.texts))}
    )
    (logits,) = session.run(["logits"], feed)
    largest = np.maximum(np.abs(expected).max(axis=1), 1)
    near = np.abs(logits - expected).max(axis=1) <= subject.close * largest
    # Trees compare in float32 there and in float64 here, so a value on a threshold may fall either way.
    assert near.mean() > 0.998
    assert (logits.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.998


def test_it_learns_and_is_scored_out_of_fold(subject: Subject) -> None:
    surrogate, featurizer, codes = usual(subject)
    assert surrogate.logits.shape == (ROWS, len(VERBS))
    assert surrogate.logits.dtype == np.float32
    assert (surrogate.logits.argmax(axis=1) == codes).mean() > 0.7
    chance = np.random.default_rng(3).integers(len(VERBS), size=ROWS)
    fooled, featurizer, _ = taught(subject, codes=chance)
    assert abs((fooled.logits.argmax(axis=1) == chance).mean() - 1 / len(VERBS)) < 0.1
    read = matrix_of(fooled, featurizer, drawn(subject.reads, ROWS, 1)[0])
    assert (fooled.predict(read).argmax(axis=1) == chance).mean() > 0.3


def test_the_seed_decides_all(subject: Subject) -> None:
    first, second = usual(subject)[0], taught(subject)[0]
    np.testing.assert_array_equal(first.logits, second.logits)
    assert (first.kind, first.name, first.reads) == (second.kind, second.name, subject.reads)


def test_a_fold_never_guesses_an_unseen_label(subject: Subject) -> None:
    """Fold 0 holds out all traces of one label, so nothing there can be guessed to have it."""
    _, codes = drawn(subject.reads, ROWS, 1)
    lone = codes[0]
    held = np.where(codes == lone, 0, 1 + np.arange(ROWS) % 2)
    surrogate, _, _ = taught(subject, held=held)
    assert np.isfinite(surrogate.logits).all()
    assert not (surrogate.logits[held == 0].argmax(axis=1) == lone).any()


def test_two_labels_are_told_apart(subject: Subject) -> None:
    two = (drawn(subject.reads, ROWS, 1)[1] > 2).astype(np.int64)
    surrogate, featurizer, _ = taught(subject, codes=two, labels=2)
    assert (surrogate.logits.argmax(axis=1) == two).mean() > 0.8
    said = surrogate.predict(matrix_of(surrogate, featurizer, drawn(subject.reads, ROWS, 1)[0]))
    assert said.shape == (ROWS, 2)
    assert (said.argmax(axis=1) == two).mean() > 0.85
