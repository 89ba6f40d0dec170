"""The contract of acceptors: the probability that the teacher agrees with the surrogate's answer."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.acceptors.features import AcceptorFeatureNodes, AcceptorFeatures
from models.graph.building import Graph


class Acceptor(Protocol):
    """A fitted acceptor.

    Attributes:
        name: what it is, in words.
    """

    name: str

    def scores(self, features: AcceptorFeatures) -> NDArray[np.float32]:
        """Float32 [n] in [0, 1]: what the graph says, in numpy."""
        ...

    def write(self, graph: Graph, nodes: AcceptorFeatureNodes) -> str:
        """Add its nodes; the name of its scores, float32 [n]."""
        ...
