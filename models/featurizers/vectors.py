"""Vector features: embeddings, L2-normalised. Novelty: one minus the cosine to the nearest label centroid."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.errors import PolicyError
from models.features import Features
from models.featurizers.unit_vectors import SMALLEST, normalise
from models.graph.building import FLOAT, Graph
from models.graph.linear import Linear

Matrix = NDArray[np.float32]


class VectorFeaturizer:
    """See `models.featurizers.contract.Featurizer`."""

    kind = "vectors"

    def __init__(
        self, vectors: Matrix, codes: NDArray[np.int64], labels: int, folds: NDArray[np.int64]
    ) -> None:
        self.name = "vectors"
        self.dimension: int | None = vectors.shape[1]
        self.matrix = normalise(vectors.astype(np.float32))
        self.held_out = self.matrix
        self._centroids = _centroids(self.matrix, codes, labels)
        self.novelty = np.empty(len(vectors), dtype=np.float32)
        for fold in range(int(folds.max()) + 1):
            held_out = folds == fold
            others = _centroids(self.matrix[~held_out], codes[~held_out], labels)
            self.novelty[held_out] = 1 - (self.matrix[held_out] @ others.T).max(axis=1)

    def transform(self, features: Features) -> Matrix:
        if features.embeddings is None:
            raise PolicyError("features without embeddings: the policy reads vectors")
        return normalise(features.embeddings.astype(np.float32))

    def write_unit(self, graph: Graph) -> str:
        """Nodes from `embedding` to vectors of length one, [n, d]."""
        return graph.once("unit", lambda: _unit(graph, self.matrix.shape[1]))

    def write_linear(self, graph: Graph, model: Linear) -> str:
        product = graph.add("MatMul", self.write_unit(graph), graph.constant(model.weights))
        return graph.add("Add", product, graph.constant(model.intercept[None]))

    def write_novelty(self, graph: Graph) -> str:
        near = graph.add("MatMul", self.write_unit(graph), graph.constant(self._centroids.T.copy()))
        nearest = graph.add("ReduceMax", near, graph.axes(1), keepdims=0)
        # A length that overflows makes a direction of zeros: its difference from itself is not a number.
        length = graph.add("Squeeze", graph.kept_name("length"), graph.axes(1))
        far = graph.add("Sub", graph.number(1.0), nearest)
        return graph.add("Add", far, graph.add("Sub", length, length))


def _unit(graph: Graph, dimension: int) -> str:
    vector = graph.input("embedding", FLOAT, [graph.vector_rows, dimension])
    squares = graph.add("ReduceSum", graph.add("Mul", vector, vector), graph.axes(1), keepdims=1)
    length = graph.add("Max", graph.add("Sqrt", squares), graph.number(SMALLEST))
    graph.keep("length", length)
    return graph.add("Div", vector, length)


def _centroids(unit: Matrix, codes: NDArray[np.int64], labels: int) -> Matrix:
    """Mean direction of each label that has rows, [present, d]."""
    rows, ones = np.arange(len(codes)), np.ones(len(codes), dtype=np.float32)
    sums = sparse.csr_matrix((ones, (codes, rows)), shape=(labels, len(codes))) @ unit
    return normalise(sums[np.unique(codes)])
