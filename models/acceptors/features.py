"""Features that acceptors read: a row of numbers for each answer of the surrogate.

column          meaning
top             log odds of the best label's probability
second          log of the second label's probability
margin          difference of the two best logits
entropy         of the label distribution, in nats
novelty         in units of the limit, at most twice the limit
one a member    log odds that this member of the pool gives to the label that the pool has chosen
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from models.graph.building import Graph
from models.surrogates.contract import Matrix

SMALLEST = 1e-6
MOST_NOVELTY = 2.0


@dataclass(frozen=True, slots=True)
class AcceptorFeatures:
    """Features of n answers.

    Attributes:
        logits: float32 [n, labels], of the pool.
        members: float32 [n, labels], of each member of the pool.
        novelty: float32 [n], in units of the limit.
    """

    logits: Matrix
    members: tuple[Matrix, ...]
    novelty: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.logits)

    def columns(self) -> Matrix:
        """float32 [n, 5 + members]."""
        shares = np.exp(log_softmax(self.logits, axis=1))
        rows, best = np.arange(len(shares)), self.logits.argmax(axis=1)
        top_two = -np.sort(-self.logits, axis=1)[:, :2]
        second = -np.sort(-shares, axis=1)[:, 1]
        entropy = -(shares * np.log(shares + SMALLEST)).sum(axis=1)
        member_shares = [np.exp(log_softmax(member, axis=1))[rows, best] for member in self.members]
        columns = [
            _odds(shares[rows, best]),
            np.log(second + SMALLEST),
            top_two[:, 0] - top_two[:, 1],
            entropy,
            np.minimum(self.novelty, MOST_NOVELTY),
            *map(_odds, member_shares),
        ]
        return np.stack(columns, axis=1).astype(np.float32)


def _odds(share: NDArray[np.floating]) -> NDArray[np.floating]:
    clipped = np.clip(share, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


@dataclass(frozen=True, slots=True)
class AcceptorFeatureNodes:
    """Names of the nodes that hold the same features in a graph."""

    logits: str
    members: tuple[str, ...]
    novelty: str

    def columns(self, graph: Graph) -> str:
        """Add the nodes of `AcceptorFeatures.columns`; their name."""
        shares = graph.add("Softmax", self.logits, axis=1)
        best = graph.add("ArgMax", self.logits, axis=1, keepdims=1)
        top_two, _ = graph.split("TopK", self.logits, graph.axes(2), outputs=2, axis=1)
        top_shares, _ = graph.split("TopK", shares, graph.axes(2), outputs=2, axis=1)
        first, second_logit = graph.split("Split", top_two, graph.axes(1, 1), outputs=2, axis=1)
        _, second = graph.split("Split", top_shares, graph.axes(1, 1), outputs=2, axis=1)
        columns = [
            _odds_node(graph, graph.add("GatherElements", shares, best, axis=1)),
            graph.log(graph.add("Add", second, graph.number(SMALLEST))),
            graph.add("Sub", first, second_logit),
            _entropy_node(graph, shares),
            graph.add("Unsqueeze", graph.add("Min", self.novelty, graph.number(MOST_NOVELTY)), graph.axes(1)),
        ]
        for member in self.members:
            member_shares = graph.add("Softmax", member, axis=1)
            columns.append(_odds_node(graph, graph.add("GatherElements", member_shares, best, axis=1)))
        return graph.add("Concat", *columns, axis=1)


def _odds_node(graph: Graph, share: str) -> str:
    clipped = graph.add("Clip", share, graph.number(SMALLEST), graph.number(1 - SMALLEST))
    rest = graph.add("Sub", graph.number(1.0), clipped)
    return graph.add("Sub", graph.log(clipped), graph.log(rest))


def _entropy_node(graph: Graph, shares: str) -> str:
    logs = graph.log(graph.add("Add", shares, graph.number(SMALLEST)))
    summed = graph.add("ReduceSum", graph.add("Mul", shares, logs), graph.axes(1), keepdims=1)
    return graph.add("Neg", summed)
