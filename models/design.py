"""What the logistic regression is fitted on, and how the fitted weights become part of a graph."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.graph import Graph
from models.logistic import Linear


class Design(Protocol):
    """Features of the traces, ready to be learned from.

    Attributes:
        name: the surrogate, in words.
        dimension: length of the vector that requests must bring, None for text.
        matrix: float32 [n, d].
        novelty: float32 [n], of each row as if it had not been there.
    """

    name: str
    dimension: int | None
    matrix: NDArray[np.float32]
    novelty: NDArray[np.float32]

    def write(self, graph: Graph, model: Linear) -> tuple[str, str]:
        """Add the nodes from the input on; names of `model`'s logits [n, labels] and of novelty [n]."""
        ...
