"""Vector features: embeddings, L2-normalised. Novelty: one minus the cosine to the nearest label centroid.

A centroid is the mean direction of its label's traces, each counting by its weight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.errors import PolicyError
from models.features import Features
from models.featurizers.onnx_inputs import numbered, vector_input
from models.featurizers.row_blocks import row_blocks
from models.featurizers.unit_vectors import SMALLEST, normalise
from models.graph.building import FLOAT, Graph
from models.graph.linear import Linear

Matrix = NDArray[np.float32]


VECTORS = "vectors"


class VectorFeaturizer:
    """See `models.featurizers.contract.Featurizer`.

    Args:
        source: 0 for the only or first source of vectors, 1 for the second.
        name: what is read, in words.
    """

    def __init__(
        self,
        vectors: Matrix,
        codes: NDArray[np.int64],
        labels: int,
        folds: NDArray[np.int64],
        weights: NDArray[np.float64] | None = None,
        source: int = 0,
        name: str = VECTORS,
    ) -> None:
        self.kind = numbered(VECTORS, source)
        self.name = name
        self._source, self._input = source, vector_input(source)
        self.matrix = normalise(vectors.astype(np.float32, copy=False))
        self.held_out = self.matrix
        weighted = _WeightedRows(self.matrix, codes, np.ones(len(codes)) if weights is None else weights)
        everything = weighted.sums(np.arange(len(codes)), labels)
        self._centroids = everything.centroids()
        self.novelty = np.empty(len(vectors), dtype=np.float32)
        for fold in range(int(folds.max()) + 1):
            held_out = np.flatnonzero(folds == fold)
            others = everything.without(weighted.sums(held_out, labels)).centroids()
            _set_novelty(self.novelty, self.matrix, held_out, others)

    def transform(self, features: Features) -> Matrix:
        if features.embeddings is None:
            raise PolicyError("features without embeddings: the policy reads vectors")
        return normalise(features.embeddings.astype(np.float32))

    def write_unit(self, graph: Graph) -> str:
        """Nodes from `embedding` to vectors of length one, [n, d]."""
        return graph.once(f"unit {self._input}", lambda: self._unit(graph))

    def write_linear(self, graph: Graph, model: Linear) -> str:
        product = graph.add("MatMul", self.write_unit(graph), graph.constant(model.weights))
        return graph.add("Add", product, graph.constant(model.intercept[None]))

    def write_novelty(self, graph: Graph) -> str:
        near = graph.add("MatMul", self.write_unit(graph), graph.constant(self._centroids.T.copy()))
        nearest = graph.add("ReduceMax", near, graph.axes(1), keepdims=1)
        # A length that overflows makes a direction of zeros: its difference from itself is not a number.
        length = graph.kept_name(f"length {self._input}")
        far = graph.add("Sub", graph.number(1.0), nearest)
        return graph.add("Add", far, graph.add("Sub", length, length))

    def _unit(self, graph: Graph) -> str:
        rows = numbered(graph.vector_rows, self._source)
        vector = graph.input(self._input, FLOAT, [rows, self.matrix.shape[1]])
        squares = graph.add("ReduceSum", graph.add("Mul", vector, vector), graph.axes(1), keepdims=1)
        length = graph.add("Max", graph.add("Sqrt", squares), graph.number(SMALLEST))
        graph.keep(f"length {self._input}", length)
        return graph.add("Div", vector, length)


@dataclass(frozen=True, slots=True)
class _LabelSums:
    """Sums over rows, for each label.

    Attributes:
        vectors: float64 [labels, d], weighted.
        counts: int64 [labels], of rows that have a weight.
    """

    vectors: NDArray[np.float64]
    counts: NDArray[np.int64]

    def without(self, part: "_LabelSums") -> "_LabelSums":
        """Sums over the rows that are not among those of `part`."""
        return _LabelSums(self.vectors - part.vectors, self.counts - part.counts)

    def centroids(self) -> Matrix:
        """Mean direction of each label that has rows, [present, d]."""
        return normalise(self.vectors[self.counts > 0].astype(np.float32))


@dataclass(frozen=True, slots=True)
class _WeightedRows:
    unit: Matrix
    codes: NDArray[np.int64]
    weights: NDArray[np.float64]

    def sums(self, rows: NDArray[np.int64], labels: int) -> _LabelSums:
        """Sums over `rows`, without a copy of all of them."""
        vectors = np.zeros((labels, self.unit.shape[1]))
        for block in row_blocks(len(rows), 3 * self.unit.shape[1]):
            taken = rows[block]
            places = (self.codes[taken], np.arange(len(taken)))
            members = sparse.csr_matrix((self.weights[taken], places), shape=(labels, len(taken)))
            vectors += members @ self.unit[taken].astype(np.float64)
        weighted = rows[self.weights[rows] > 0.0]
        return _LabelSums(vectors, np.bincount(self.codes[weighted], minlength=labels))


def _set_novelty(novelty: Matrix, unit: Matrix, rows: NDArray[np.int64], centroids: Matrix) -> None:
    """Set the novelty of `rows`: one minus the cosine to the nearest centroid, 1.0 if there is none."""
    for block in row_blocks(len(rows), unit.shape[1] + max(1, len(centroids))):
        near = unit[rows[block]] @ centroids.T
        novelty[rows[block]] = 1 - near.max(axis=1, initial=-1.0) if len(centroids) else 1.0
