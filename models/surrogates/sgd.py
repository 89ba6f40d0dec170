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


def learn(design: Featurizer, lesson: TrainingTargets) -> LinearSurrogate:
    logits = np.empty((len(lesson.codes), lesson.labels), dtype=np.float32)
    models = []
    for held in lesson.held:
        models.append(_linear(design.matrix, lesson, lesson.learned(held)))
        logits[held] = models[-1].logits(design.matrix[held])
    average = Linear(
        np.mean([model.weights for model in models], axis=0),
        np.mean([model.intercept for model in models], axis=0),
    )
    loss = logistic.log_loss(logits, lesson.codes)
    found = logistic.OutOfFold(logits, average, STRENGTH, loss)
    return LinearSurrogate(KIND, "stochastic gradient descent", design, found)


@dataclass(frozen=True, slots=True)
class _FittedSgd:
    model: Linear

    def predict(self, matrix: Matrix) -> Matrix:
        return self.model.logits(matrix)


def fold(unit: Matrix, lesson: TrainingTargets, rows: NDArray[np.int64]) -> _FittedSgd:
    """What is learned from these rows alone."""
    return _FittedSgd(_linear(unit, lesson, rows))


def _linear(matrix: Matrix, lesson: TrainingTargets, rows: NDArray[np.int64]) -> Linear:
    model = SGDClassifier(
        loss="log_loss",
        alpha=1.0 / (STRENGTH * len(rows)),
        average=True,
        max_iter=30,
        tol=None,
        random_state=lesson.seed,
    )
    weights = None if lesson.weights is None else lesson.weights[rows]
    model.fit(matrix[rows], lesson.codes[rows], sample_weight=weights)
    signs = np.array([[-1.0], [1.0]]) if len(model.classes_) == 2 else np.ones((1, 1))
    whole = Linear(
        np.zeros((matrix.shape[1], lesson.labels), dtype=np.float32),
        np.full(lesson.labels, ABSENT, dtype=np.float32),
    )
    whole.weights[:, model.classes_] = (signs * model.coef_).T
    whole.intercept[model.classes_] = (signs * model.intercept_[:, None])[:, 0]
    return whole
