"""Vectors that requests bring, L2-normalised. Novelty: one minus the cosine to the nearest class centroid."""

import numpy as np
from numpy.typing import NDArray

from models.graph import FLOAT, Graph
from models.logistic import Linear

SMALLEST = 1e-12

Matrix = NDArray[np.float32]


class VectorDesign:
    """See `models.design.Design`."""

    def __init__(
        self, vectors: Matrix, codes: NDArray[np.int64], labels: int, folds: NDArray[np.int64]
    ) -> None:
        self.name = "logistic regression on vectors"
        self.dimension: int | None = vectors.shape[1]
        self.matrix = normalised(vectors.astype(np.float32))
        self._centroids = _centroids(self.matrix, codes, labels)
        self.novelty = np.empty(len(vectors), dtype=np.float32)
        for fold in range(int(folds.max()) + 1):
            held = folds == fold
            others = _centroids(self.matrix[~held], codes[~held], labels)
            self.novelty[held] = 1 - (self.matrix[held] @ others.T).max(axis=1)

    def write(self, graph: Graph, model: Linear) -> tuple[str, str]:
        """Nodes from `embedding` on: one product with weights and centroids side by side, then the norm."""
        vector = graph.input("embedding", FLOAT, ["n", int(self.matrix.shape[1])])
        squares = graph.add("ReduceSum", graph.add("Mul", vector, vector), graph.axes(1), keepdims=1)
        norm = graph.add("Max", graph.add("Sqrt", squares), graph.number(SMALLEST))
        both = np.hstack([model.weights, self._centroids.T]).astype(np.float32)
        product = graph.add("MatMul", vector, graph.constant(both, "weights"))
        product = graph.add("Div", product, norm)
        sizes = graph.axes(model.weights.shape[1], len(self._centroids))
        raw, near = graph.split("Split", product, sizes, outputs=2, axis=1)
        logits = graph.add("Add", raw, graph.constant(model.intercept[None], "intercept"))
        nearest = graph.add("ReduceMax", near, graph.axes(1), keepdims=0)
        return logits, graph.add("Sub", graph.number(1.0), nearest)


def normalised(vectors: Matrix) -> Matrix:
    """Rows of length one; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, np.float32(SMALLEST)))


def _centroids(unit: Matrix, codes: NDArray[np.int64], labels: int) -> Matrix:
    """Mean direction of each label that is there, [present, d]."""
    sums = np.zeros((labels, unit.shape[1]), dtype=np.float32)
    np.add.at(sums, codes, unit)
    return normalised(sums[np.unique(codes)])
