"""Gradient boosted trees on vectors by LightGBM (Ke and others 2017). Deployed: a refit on all traces."""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from models.designs.vectors import VectorDesign
from models.graph import Graph
from models.surrogates.contract import Lesson, Matrix, spread

KIND = "boosting"
OPSET = 15
SMALLEST = 1e-6
SETTINGS: dict[str, Any] = {
    "n_estimators": 60,
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_child_samples": 10,
    "colsample_bytree": 0.3,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}


class Boosting:
    """See `models.surrogates.contract.Surrogate`."""

    kind = KIND
    reads = VectorDesign.kind
    strength = 0.0

    def __init__(self, design: VectorDesign, logits: Matrix, model: "_Fitted") -> None:
        self.name = f"LightGBM with {SETTINGS['n_estimators']} rounds on {design.name}"
        self.logits = logits
        self._design = design
        self._model = model

    def predict(self, matrix: Matrix) -> Matrix:
        return self._model.predict(matrix)

    def write(self, graph: Graph) -> str:
        shape = FloatTensorType([None, self._design.matrix.shape[1]])
        model = convert_lightgbm(
            self._model.model.booster_, initial_types=[("unit", shape)], zipmap=False, target_opset=OPSET
        )
        named = {model.graph.input[0].name: self._design.write_unit(graph)}
        shares = graph.inline(model, named, model.graph.output[1].name)
        return graph.log(graph.add("Max", shares, graph.number(SMALLEST)))


@dataclass(frozen=True, slots=True)
class _Fitted:
    model: lightgbm.LGBMClassifier
    labels: int

    def predict(self, matrix: Matrix) -> Matrix:
        shares = np.maximum(self.model.predict_proba(matrix), SMALLEST)
        return spread(np.log(shares), np.asarray(self.model.classes_, dtype=np.int64), self.labels)


def learn(design: VectorDesign, lesson: Lesson) -> Boosting:
    logits = np.empty((len(design.matrix), lesson.labels), dtype=np.float32)
    for held in lesson.held:
        logits[held] = fold(design.matrix, lesson, lesson.learned(held)).predict(design.matrix[held])
    return Boosting(design, logits, fold(design.matrix, lesson, np.arange(len(logits))))


def fold(unit: Matrix, lesson: Lesson, rows: NDArray[np.int64]) -> _Fitted:
    """What is learned from these rows alone."""
    model = lightgbm.LGBMClassifier(**SETTINGS, random_state=lesson.seed)
    weights = None if lesson.weights is None else lesson.weights[rows]
    return _Fitted(model.fit(unit[rows], lesson.codes[rows], sample_weight=weights), lesson.labels)
