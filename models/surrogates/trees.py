"""Extremely randomised trees on vectors (Geurts, Ernst and Wehenkel 2006).

Deployed: a refit on all traces.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx
from sklearn.ensemble import ExtraTreesClassifier

from models.designs.vectors import VectorDesign
from models.graph import OPSET, Graph
from models.surrogates.contract import Lesson, Matrix, spread

KIND = "trees"
TREES = 200
SMALLEST = 1e-3


class Trees:
    """See `models.surrogates.contract.Surrogate`."""

    kind = KIND
    reads = VectorDesign.kind
    strength = 0.0

    def __init__(self, design: VectorDesign, logits: Matrix, model: "_Fitted") -> None:
        self.name = f"{TREES} extremely randomised trees on {design.name}"
        self.logits = logits
        self._design = design
        self._model = model

    def predict(self, matrix: Matrix) -> Matrix:
        return self._model.predict(matrix)

    def write(self, graph: Graph) -> str:
        example = self._design.matrix[:1]
        model = to_onnx(self._model.model, example, options={"zipmap": False}, target_opset=OPSET)
        named = {model.graph.input[0].name: self._design.write_unit(graph)}
        shares = graph.inline(model, named, model.graph.output[1].name)
        return graph.log(graph.add("Max", shares, graph.number(SMALLEST)))


@dataclass(frozen=True, slots=True)
class _Fitted:
    model: ExtraTreesClassifier
    labels: int

    def predict(self, matrix: Matrix) -> Matrix:
        shares = np.maximum(self.model.predict_proba(matrix), SMALLEST)
        return spread(np.log(shares), np.asarray(self.model.classes_, dtype=np.int64), self.labels)


def learn(design: VectorDesign, lesson: Lesson) -> Trees:
    logits = np.empty((len(design.matrix), lesson.labels), dtype=np.float32)
    for held in lesson.held:
        logits[held] = fold(design.matrix, lesson, lesson.learned(held)).predict(design.matrix[held])
    return Trees(design, logits, fold(design.matrix, lesson, np.arange(len(logits))))


def fold(unit: Matrix, lesson: Lesson, rows: NDArray[np.int64]) -> _Fitted:
    """What is learned from these rows alone."""
    model = ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=lesson.seed)
    weights = None if lesson.weights is None else lesson.weights[rows]
    return _Fitted(model.fit(unit[rows], lesson.codes[rows], sample_weight=weights), lesson.labels)
