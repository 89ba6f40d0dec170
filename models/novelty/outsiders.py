"""Outsider score: tells requests of labels that no trace has, by the logits of a pool.

Such a request often reads like the traces, and its text or vector is not far from them. But its labels share
the probability evenly (entropy), and none of their logits is high (energy, Liu et al. 2020: minus the log of
the summed exp). The score is a weighted sum of both, and novelty is the exp of its distance from a limit: 1
at the limit, 2.7 where the score is one above.

Sums, logs and what follows are in double, because float32 would round a row by its place in the batch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        """Add its nodes, which read the node of the logits [n, labels]; the name of the novelty, [n]."""
        across, number = graph.axes(1), graph.double
        peak = graph.add("ReduceMax", logits, across, keepdims=1)
        below = graph.add("Sub", logits, peak)
        raised = graph.add("Cast", graph.add("Exp", below), to=DOUBLE)
        depth = graph.add("Mul", raised, graph.add("Cast", below, to=DOUBLE))
        total = graph.add("ReduceSum", raised, across, keepdims=0)
        depth = graph.add("Div", graph.add("ReduceSum", depth, across, keepdims=0), total)
        spread = graph.add("Log", total)
        highest = graph.add("Cast", graph.add("Squeeze", peak, across), to=DOUBLE)
        entropy = graph.add("Mul", graph.add("Sub", spread, depth), number(self.entropy_weight))
        height = graph.add("Mul", graph.add("Add", highest, spread), number(self.energy_weight))
        above = graph.add("Sub", graph.add("Sub", entropy, height), number(self.limit))
        return graph.add("Cast", graph.add("Exp", graph.add("Min", above, number(MOST))), to=FLOAT)


def uncertainty(logits: Matrix) -> Columns:
    """Entropy in nats, and energy, float64 [n, 2], of logits [n, labels]."""
    peak = logits.max(axis=1)
    below = logits - peak[:, None]
    raised = np.exp(below).astype(np.float64)
    total = raised.sum(axis=1)
    spread = np.log(total)
    depth = (raised * below.astype(np.float64)).sum(axis=1) / total
    return np.column_stack([spread - depth, -(peak + spread)])
