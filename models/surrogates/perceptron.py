"""A perceptron with one hidden layer on vectors. Deployed: the ensemble of the fold models.

Its logits are the mean of the fold models' log probabilities.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from models.featurizers.vectors import VectorFeaturizer
from models.graph.building import Graph
from models.surrogates.contract import ABSENT, Matrix, TrainingTargets

KIND = "perceptron"
HIDDEN = 256
EPOCHS = 25
DECAY = 1e-4
RATE = 2e-3


class Perceptron:
    """See `models.surrogates.contract.Surrogate`."""

    kind = KIND
    reads = VectorFeaturizer.kind
    strength = 0.0

    def __init__(self, design: VectorFeaturizer, logits: Matrix, models: list["_Network"]) -> None:
        self.name = f"perceptron with {HIDDEN} hidden units on {design.name}"
        self.logits = logits
        self._design = design
        self._models = models

    def predict(self, matrix: Matrix) -> Matrix:
        return np.asarray(np.mean([model.predict(matrix) for model in self._models], axis=0))

    def write(self, graph: Graph) -> str:
        unit = graph.add("Mul", self._design.write_unit(graph), graph.number(_scale(self._design.matrix)))
        each = [model.write(graph, unit) for model in self._models]
        return graph.add("Mean", *each)


class _Network:
    """One fold's weights; labels that it has not seen get no weight and a very low intercept."""

    def __init__(self, model: MLPClassifier, labels: int) -> None:
        (first, last), (self._below, above) = model.coefs_, model.intercepts_
        if len(model.classes_) == 2:  # scikit-learn keeps the second label's logit alone
            last, above = np.hstack([-last / 2, last / 2]), np.hstack([-above / 2, above / 2])
        self._first = first.astype(np.float32)
        self._last = np.zeros((len(last), labels), dtype=np.float32)
        self._last[:, model.classes_] = last
        self._above = np.full(labels, ABSENT, dtype=np.float32)
        self._above[model.classes_] = above
        self._below = self._below.astype(np.float32)

    def predict(self, matrix: Matrix) -> Matrix:
        hidden = np.maximum(matrix * np.float32(_scale(matrix)) @ self._first + self._below, 0)
        return np.asarray(log_softmax(hidden @ self._last + self._above, axis=1))

    def write(self, graph: Graph, unit: str) -> str:
        hidden = graph.add("Gemm", unit, graph.constant(self._first), graph.constant(self._below))
        hidden = graph.add("Relu", hidden)
        logits = graph.add("Gemm", hidden, graph.constant(self._last), graph.constant(self._above))
        return graph.add("LogSoftmax", logits, axis=1)


def learn(design: VectorFeaturizer, lesson: TrainingTargets) -> Perceptron:
    logits = np.empty((len(design.matrix), lesson.labels), dtype=np.float32)
    models = []
    for held in lesson.held:
        models.append(fold(design.matrix, lesson, lesson.learned(held)))
        logits[held] = models[-1].predict(design.matrix[held])
    return Perceptron(design, logits, models)


def fold(unit: Matrix, lesson: TrainingTargets, rows: NDArray[np.int64]) -> _Network:
    """What is learned from these rows alone."""
    model = MLPClassifier(
        (HIDDEN,),
        alpha=DECAY,
        batch_size=min(128, len(rows)),
        learning_rate_init=RATE,
        max_iter=EPOCHS,
        random_state=lesson.seed,
    )
    weights = None if lesson.weights is None else lesson.weights[rows]
    with warnings.catch_warnings():
        # It is stopped on purpose, long before it would stop by itself.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(unit[rows] * np.float32(_scale(unit)), lesson.codes[rows], sample_weight=weights)
    return _Network(model, lesson.labels)


def _scale(matrix: Matrix) -> float:
    """Components of about one, which its initial weights are made for."""
    return float(np.sqrt(matrix.shape[1]))
