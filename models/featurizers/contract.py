"""The contract of featurizers: a matrix to learn from, and the nodes that compute it again in a graph."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.features import Features
from models.graph.building import Graph
from models.graph.linear import Linear


class Featurizer(Protocol):
    """Features of n traces, as surrogates learn from them.

    Attributes:
        kind: `text`, `vectors`, or `vectors2` for those of the second source.
        name: what is read, in words.
        matrix: float32 [n, d].
        held_out: float32 [n, d], each row as if its own content had not been there when the features were
            chosen: what a model that has not learned from the row must be given.
        novelty: float32 [n], of each row, computed without that row or without its fold.
    """

    kind: str
    name: str
    matrix: NDArray[np.float32]
    held_out: NDArray[np.float32]
    novelty: NDArray[np.float32]

    def transform(self, features: Features) -> NDArray[np.float32]:
        """The matrix [m, d] of other rows: what the graph computes, in numpy."""
        ...

    def write_linear(self, graph: Graph, model: Linear) -> str:
        """Add the nodes of `model`, from the graph's input on; the name of its logits, [n, labels]."""
        ...

    def write_novelty(self, graph: Graph) -> str:
        """Add the nodes of novelty, after those of `write_linear`; the name of the novelty, [n, 1]."""
        ...
