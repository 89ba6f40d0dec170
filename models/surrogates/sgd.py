"""One-against-all logistic regression by averaged stochastic gradient descent. Deployed: the fold average."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from models.featurizers.contract import Featurizer
from models.graph.linear import Linear
from models.surrogates import logistic
from models.surrogates.contract import ABSENT, Matrix, TrainingTargets
from models.surrogates.linear import LinearSurrogate

KIND = "sgd"
STRENGTH = 64.0


def learn(featurizer: Featurizer, targets: TrainingTargets) -> LinearSurrogate:
    logits = np.empty((len(targets.codes), targets.labels), dtype=np.float32)
    models = []
    for held_out in targets.held_out:
        models.append(_linear(featurizer.matrix, targets, targets.learning_rows(held_out)))
        logits[held_out] = models[-1].logits(featurizer.matrix[held_out])
    average = Linear(
        np.mean([model.weights for model in models], axis=0),
        np.mean([model.intercept for model in models], axis=0),
    )
    loss = logistic.log_loss(logits, targets.codes)
    fits = logistic.OutOfFold(logits, average, STRENGTH, loss)
    return LinearSurrogate(KIND, "stochastic gradient descent", featurizer, fits)


@dataclass(frozen=True, slots=True)
class _FittedSgd:
    model: Linear

    def predict(self, matrix: Matrix) -> Matrix:
        return self.model.logits(matrix)


def fold(unit: Matrix, targets: TrainingTargets, rows: NDArray[np.int64]) -> _FittedSgd:
    """Fit on these rows alone."""
    return _FittedSgd(_linear(unit, targets, rows))


def _linear(matrix: Matrix, targets: TrainingTargets, rows: NDArray[np.int64]) -> Linear:
    model = SGDClassifier(
        loss="log_loss",
        alpha=1.0 / (STRENGTH * len(rows)),
        average=True,
        max_iter=30,
        tol=None,
        random_state=targets.seed,
    )
    weights = None if targets.weights is None else targets.weights[rows]
    model.fit(matrix[rows], targets.codes[rows], sample_weight=weights)
    signs = np.array([[-1.0], [1.0]]) if len(model.classes_) == 2 else np.ones((1, 1))
    whole = Linear(
        np.zeros((matrix.shape[1], targets.labels), dtype=np.float32),
        np.full(targets.labels, ABSENT, dtype=np.float32),
    )
    whole.weights[:, model.classes_] = (signs * model.coef_).T
    whole.intercept[model.classes_] = (signs * model.intercept_[:, None])[:, 0]
    return whole
