"""Refitted surrogates: the fold models only score their folds; a refit on all traces is deployed.

These are ensembles of trees, which can't be averaged and are too large to keep one for each fold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from models.featurizers.vectors import VectorFeaturizer
from models.graph.building import Graph
from models.graph.converted import inline_classifier
from models.surrogates.contract import Matrix, TrainingTargets, with_absent_labels


@dataclass(frozen=True, slots=True)
class RefitMethod:
    """A kind of refitted surrogate.

    Attributes:
        kind, words: its name in the zoo, and in words.
        unfitted: makes an unfitted classifier from a seed; it has `fit` and `predict_proba`.
        convert: the fitted classifier as ONNX, given an example row; its second output are the probabilities.
        smallest: lower probabilities are raised to this before the logarithm, > 0.
    """

    kind: str
    words: str
    unfitted: Callable[[int], Any]
    convert: Callable[[Any, Matrix], onnx.ModelProto]
    smallest: float


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A classifier that has learned from some of the traces."""

    method: RefitMethod
    model: Any
    labels: int

    def predict(self, matrix: Matrix) -> Matrix:
        """Logits [m, labels]."""
        shares = np.maximum(self.model.predict_proba(matrix), self.method.smallest)
        return with_absent_labels(
            np.log(shares), np.asarray(self.model.classes_, dtype=np.int64), self.labels
        )


class RefittedSurrogate:
    """See `models.surrogates.contract.Surrogate`."""

    strength = 0.0

    def __init__(self, featurizer: VectorFeaturizer, logits: Matrix, fitted: FittedModel) -> None:
        self.kind = fitted.method.kind
        self.name = f"{fitted.method.words} on {featurizer.name}"
        self.reads = featurizer.kind
        self.logits = logits
        self._featurizer = featurizer
        self._fitted = fitted

    def predict(self, matrix: Matrix) -> Matrix:
        return self._fitted.predict(matrix)

    def write(self, graph: Graph) -> str:
        method = self._fitted.method
        model = method.convert(self._fitted.model, self._featurizer.matrix[:1])
        shares = inline_classifier(graph, model, self._featurizer.write_unit(graph))
        return graph.log(graph.add("Max", shares, graph.number(method.smallest)))


def learn(method: RefitMethod, featurizer: VectorFeaturizer, targets: TrainingTargets) -> RefittedSurrogate:
    logits = np.empty((len(featurizer.matrix), targets.labels), dtype=np.float32)
    for held_out in targets.held_out:
        fitted = fold(method, featurizer.matrix, targets, targets.learning_rows(held_out))
        logits[held_out] = fitted.predict(featurizer.matrix[held_out])
    return RefittedSurrogate(
        featurizer, logits, fold(method, featurizer.matrix, targets, np.arange(len(logits)))
    )


def fold(method: RefitMethod, unit: Matrix, targets: TrainingTargets, rows: NDArray[np.int64]) -> FittedModel:
    """Fit on these rows alone."""
    weights = None if targets.weights is None else targets.weights[rows]
    model = method.unfitted(targets.seed).fit(unit[rows], targets.codes[rows], sample_weight=weights)
    return FittedModel(method, model, targets.labels)
