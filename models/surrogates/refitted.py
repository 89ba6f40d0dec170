"""Surrogates that can be neither averaged nor kept for every fold. Deployed: a refit on all traces.

Such are ensembles of trees: each fold's are used to score it and thrown away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from models.featurizers.vectors import VectorFeaturizer
from models.graph.building import Graph
from models.surrogates.contract import Matrix, TrainingTargets, spread


@dataclass(frozen=True, slots=True)
class Method:
    """What differs between them.

    Attributes:
        kind, words: its name in the zoo, and what it is.
        make: an unfitted classifier, given a seed; one that has `fit` and `predict_proba`.
        convert: the fitted one as ONNX, given an example row; its second output are the probabilities.
        smallest: probability that a logit is made of at least, > 0.
    """

    kind: str
    words: str
    make: Callable[[int], Any]
    convert: Callable[[Any, Matrix], onnx.ModelProto]
    smallest: float


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A classifier that has learned from some of the traces."""

    method: Method
    model: Any
    labels: int

    def predict(self, matrix: Matrix) -> Matrix:
        """Logits [m, labels]."""
        shares = np.maximum(self.model.predict_proba(matrix), self.method.smallest)
        return spread(np.log(shares), np.asarray(self.model.classes_, dtype=np.int64), self.labels)


class RefittedSurrogate:
    """See `models.surrogates.contract.Surrogate`."""

    reads = VectorFeaturizer.kind
    strength = 0.0

    def __init__(self, design: VectorFeaturizer, logits: Matrix, fitted: FittedModel) -> None:
        self.kind = fitted.method.kind
        self.name = f"{fitted.method.words} on {design.name}"
        self.logits = logits
        self._design = design
        self._fitted = fitted

    def predict(self, matrix: Matrix) -> Matrix:
        return self._fitted.predict(matrix)

    def write(self, graph: Graph) -> str:
        method = self._fitted.method
        model = method.convert(self._fitted.model, self._design.matrix[:1])
        named = {model.graph.input[0].name: self._design.write_unit(graph)}
        shares = graph.inline(model, named, model.graph.output[1].name)
        return graph.log(graph.add("Max", shares, graph.number(method.smallest)))


def learn(method: Method, design: VectorFeaturizer, lesson: TrainingTargets) -> RefittedSurrogate:
    logits = np.empty((len(design.matrix), lesson.labels), dtype=np.float32)
    for held in lesson.held:
        part = fold(method, design.matrix, lesson, lesson.learned(held))
        logits[held] = part.predict(design.matrix[held])
    return RefittedSurrogate(design, logits, fold(method, design.matrix, lesson, np.arange(len(logits))))


def fold(method: Method, unit: Matrix, lesson: TrainingTargets, rows: NDArray[np.int64]) -> FittedModel:
    """What is learned from these rows alone."""
    weights = None if lesson.weights is None else lesson.weights[rows]
    model = method.make(lesson.seed).fit(unit[rows], lesson.codes[rows], sample_weight=weights)
    return FittedModel(method, model, lesson.labels)
