"""Outsider score: tells requests of labels that no trace has, by the logits of a pool.

Such a request often reads like the traces, and its text or vector is not far from them. But its labels share
the probability evenly (entropy), and none of their logits is high (energy, Liu et al. 2020: minus the log of
the summed exp). The score is a weighted sum of both, and novelty is the exp of its distance from a limit: 1
at the limit, 2.7 where the score is one above.

The graph computes both as one sum. Minus their weighted sum is the mean, with the labels' probabilities p as
weights, of (entropy weight - energy weight) * log p + energy weight * logit. It is summed in double, because
a sum in float32 would round a row by its place in the batch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from models.graph.building import DOUBLE, FLOAT, Graph

MOST = 10.0
"""The log of the highest novelty."""

Matrix = NDArray[np.float32]
Columns = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OutsiderScore:
    """novelty = exp(entropy_weight * entropy + energy_weight * energy - limit), at most exp(`MOST`).

    Attributes:
        entropy_weight, energy_weight: >= 0.
        limit: of the weighted sum.
    """

    entropy_weight: float
    energy_weight: float
    limit: float

    def novelty(self, logits: Matrix) -> NDArray[np.float32]:
        """Float32 [n], > 0, from logits [n, labels]: what the graph says, in numpy."""
        above = uncertainty(logits) @ np.array([self.entropy_weight, self.energy_weight]) - self.limit
        return np.exp(np.minimum(above, MOST)).astype(np.float32)  # type: ignore[no-any-return]

    def write(self, graph: Graph, logits: str) -> str:
        """Add its nodes, which read the node of the logits [n, labels]; the name of the novelty, [n, 1]."""
        across, number = graph.axes(1), graph.double
        logs = graph.add("LogSoftmax", logits, axis=1)
        height = graph.add("Mul", logits, graph.number(self.energy_weight))
        slope = graph.number(self.entropy_weight - self.energy_weight)
        height = graph.add("Add", height, graph.add("Mul", logs, slope))
        height = graph.add("Mul", height, graph.add("Softmax", logits, axis=1))
        height = graph.add("ReduceSum", graph.add("Cast", height, to=DOUBLE), across, keepdims=1)
        above = graph.add("Sub", number(-self.limit), height)
        return graph.add("Cast", graph.add("Exp", graph.add("Min", above, number(MOST))), to=FLOAT)


def uncertainty(logits: Matrix) -> Columns:
    """Entropy in nats, and energy, float64 [n, 2], of logits [n, labels]."""
    doubles = logits.astype(np.float64)
    total = logsumexp(doubles, axis=1)
    logs = doubles - total[:, None]
    return np.column_stack([-(np.exp(logs) * logs).sum(axis=1), -total])
