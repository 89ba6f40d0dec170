"""What an acceptor may look at: one row of numbers for each answer of the surrogate.

column          what it is
top             log odds of the best label's probability
second          log of the second label's probability
margin          difference of the two best logits
entropy         of the label distribution, in nats
novelty         in units of the limit, cut at twice the limit
one a member    log odds that the member of the pool gives the label that the pool has chosen: how many of
                the neighbours, or of the n-grams, say the same
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from models.graph.building import Graph
from models.surrogates.contract import Matrix

SMALLEST = 1e-6
NOVEL = 2.0


@dataclass(frozen=True, slots=True)
class AcceptorFeatures:
    """Of n answers.

    Attributes:
        logits: float32 [n, labels], of the pool.
        members: of each member of the pool, likewise.
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
        every, best = np.arange(len(shares)), self.logits.argmax(axis=1)
        two = -np.sort(-self.logits, axis=1)[:, :2]
        second = -np.sort(-shares, axis=1)[:, 1]
        entropy = -(shares * np.log(shares + SMALLEST)).sum(axis=1)
        said = [np.exp(log_softmax(member, axis=1))[every, best] for member in self.members]
        found = [
            _odds(shares[every, best]),
            np.log(second + SMALLEST),
            two[:, 0] - two[:, 1],
            entropy,
            np.minimum(self.novelty, NOVEL),
            *map(_odds, said),
        ]
        return np.stack(found, axis=1).astype(np.float32)


def _odds(share: NDArray[np.floating]) -> NDArray[np.floating]:
    kept = np.clip(share, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(kept) - np.log1p(-kept))


@dataclass(frozen=True, slots=True)
class AcceptorFeatureNodes:
    """The same in a graph, by name."""

    logits: str
    members: tuple[str, ...]
    novelty: str

    def columns(self, graph: Graph) -> str:
        """Nodes of `AcceptorFeatures.columns`."""
        shares = graph.add("Softmax", self.logits, axis=1)
        best = graph.add("ArgMax", self.logits, axis=1, keepdims=1)
        two, _ = graph.split("TopK", self.logits, graph.axes(2), outputs=2, axis=1)
        runners, _ = graph.split("TopK", shares, graph.axes(2), outputs=2, axis=1)
        first, then = graph.split("Split", two, graph.axes(1, 1), outputs=2, axis=1)
        _, second = graph.split("Split", runners, graph.axes(1, 1), outputs=2, axis=1)
        found = [
            _odds_node(graph, graph.add("GatherElements", shares, best, axis=1)),
            graph.log(graph.add("Add", second, graph.number(SMALLEST))),
            graph.add("Sub", first, then),
            _entropy_node(graph, shares),
            graph.add("Unsqueeze", graph.add("Min", self.novelty, graph.number(NOVEL)), graph.axes(1)),
        ]
        for member in self.members:
            said = graph.add("Softmax", member, axis=1)
            found.append(_odds_node(graph, graph.add("GatherElements", said, best, axis=1)))
        return graph.add("Concat", *found, axis=1)


def _odds_node(graph: Graph, share: str) -> str:
    kept = graph.add("Clip", share, graph.number(SMALLEST), graph.number(1 - SMALLEST))
    rest = graph.add("Sub", graph.number(1.0), kept)
    return graph.add("Sub", graph.log(kept), graph.log(rest))


def _entropy_node(graph: Graph, shares: str) -> str:
    logs = graph.log(graph.add("Add", shares, graph.number(SMALLEST)))
    summed = graph.add("ReduceSum", graph.add("Mul", shares, logs), graph.axes(1), keepdims=1)
    return graph.add("Neg", summed)
