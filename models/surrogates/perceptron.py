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
    strength = 0.0

    def __init__(self, featurizer: VectorFeaturizer, logits: Matrix, models: list["_Network"]) -> None:
        self.name = f"perceptron with {HIDDEN} hidden units on {featurizer.name}"
        self.reads = featurizer.kind
        self.logits = logits
        self._featurizer = featurizer
        self._models = models

    def predict(self, matrix: Matrix) -> Matrix:
        return np.asarray(np.mean([model.predict(matrix) for model in self._models], axis=0))

    def write(self, graph: Graph) -> str:
        unit = graph.add(
            "Mul", self._featurizer.write_unit(graph), graph.number(_scale(self._featurizer.matrix))
        )
        each = [model.write(graph, unit) for model in self._models]
        return graph.add("Mean", *each)


class _Network:
    """Weights of one fold; labels that it has not seen get no weight and a very low intercept."""

    def __init__(self, model: MLPClassifier, labels: int) -> None:
        (first, last), (below, above) = model.coefs_, model.intercepts_
        if len(model.classes_) == 2:  # scikit-learn keeps the second label's logit alone
            last, above = np.hstack([-last / 2, last / 2]), np.hstack([-above / 2, above / 2])
        self._hidden_weights = first.astype(np.float32)
        self._label_weights = np.zeros((len(last), labels), dtype=np.float32)
        self._label_weights[:, model.classes_] = last
        self._label_intercept = np.full(labels, ABSENT, dtype=np.float32)
        self._label_intercept[model.classes_] = above
        self._hidden_intercept = below.astype(np.float32)

    def predict(self, matrix: Matrix) -> Matrix:
        hidden = np.maximum(
            matrix * np.float32(_scale(matrix)) @ self._hidden_weights + self._hidden_intercept, 0
        )
        return np.asarray(log_softmax(hidden @ self._label_weights + self._label_intercept, axis=1))

    def write(self, graph: Graph, unit: str) -> str:
        hidden = graph.add(
            "Gemm", unit, graph.constant(self._hidden_weights), graph.constant(self._hidden_intercept)
        )
        hidden = graph.add("Relu", hidden)
        logits = graph.add(
            "Gemm", hidden, graph.constant(self._label_weights), graph.constant(self._label_intercept)
        )
        return graph.add("LogSoftmax", logits, axis=1)


def learn(featurizer: VectorFeaturizer, targets: TrainingTargets) -> Perceptron:
    logits = np.empty((len(featurizer.matrix), targets.labels), dtype=np.float32)
    models = []
    for held_out in targets.held_out:
        models.append(fold(featurizer.matrix, targets, targets.learning_rows(held_out)))
        logits[held_out] = models[-1].predict(featurizer.matrix[held_out])
    return Perceptron(featurizer, logits, models)


def fold(unit: Matrix, targets: TrainingTargets, rows: NDArray[np.int64]) -> _Network:
    """Fit on these rows alone."""
    model = MLPClassifier(
        (HIDDEN,),
        alpha=DECAY,
        batch_size=min(128, len(rows)),
        learning_rate_init=RATE,
        max_iter=EPOCHS,
        random_state=targets.seed,
    )
    weights = None if targets.weights is None else targets.weights[rows]
    with warnings.catch_warnings():
        # EPOCHS stop it on purpose, long before it converges.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(unit[rows] * np.float32(_scale(unit)), targets.codes[rows], sample_weight=weights)
    return _Network(model, targets.labels)


def _scale(matrix: Matrix) -> float:
    """Factor that brings components to about one, which the initial weights are made for."""
    return float(np.sqrt(matrix.shape[1]))
