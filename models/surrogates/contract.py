"""The contract of surrogates: out-of-fold logits of every trace, and nodes that compute the same in a graph.

Each trace is scored by models that have not learned from it. Logits are any numbers that grow with the
teacher's probability of giving that label. Deployed is the average or the ensemble of the fold models, or,
where neither is possible, a refit on all traces (each surrogate says which).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.graph.building import Graph

Matrix = NDArray[np.float32]
ABSENT = -30.0


@dataclass(frozen=True, slots=True)
class TrainingTargets:
    """Labels to learn, with folds and weights; the same for all features.

    Attributes:
        codes: int64 [n], the teacher's label of each trace, 0..labels-1.
        labels: how many labels there are.
        folds: int64 [n], which traces are held out together.
        weights: float64 [n], how much each counts in learning; None for all alike.
        selection_rows: bool [n], the traces whose labels may be used to choose between models; the gate uses
            none of them. Where there are none, no label decides a choice.
        seed: of all random draws.
    """

    codes: NDArray[np.int64]
    labels: int
    folds: NDArray[np.int64]
    weights: NDArray[np.float64] | None
    selection_rows: NDArray[np.bool_]
    seed: int

    def of(self, rows: slice) -> "TrainingTargets":
        """Those of these traces alone."""
        return replace(
            self,
            codes=self.codes[rows],
            folds=self.folds[rows],
            weights=None if self.weights is None else self.weights[rows],
            selection_rows=self.selection_rows[rows],
        )

    @property
    def held_out(self) -> list[NDArray[np.bool_]]:
        """For each fold the traces that it holds out, bool [n] each."""
        return [self.folds == fold for fold in range(int(self.folds.max()) + 1)]

    def learning_rows(self, held_out: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Rows that a fold learns from: those that it does not hold out, or all if it is the only fold."""
        return np.flatnonzero(~held_out) if not held_out.all() else np.arange(len(held_out))


class Surrogate(Protocol):
    """A fitted surrogate.

    Attributes:
        kind: its name in the zoo.
        reads: the kind of its featurizer: `text`, `vectors`, or `vectors2` for those of the second source.
        name: what it is, in words.
        logits: float32 [n, labels], of each trace by models that have not learned from it.
        strength: its regularisation, which a refit starts from; 0.0 where it has none.
    """

    kind: str
    reads: str
    name: str
    logits: Matrix
    strength: float

    def predict(self, matrix: Matrix) -> Matrix:
        """Logits [m, labels] of rows of its featurizer's matrix [m, d]: what the graph computes, in numpy."""
        ...

    def write(self, graph: Graph) -> str:
        """Add its nodes; the name of its logits."""
        ...


def with_absent_labels(partial: NDArray[np.floating], present: NDArray[np.int64], labels: int) -> Matrix:
    """Logits of all labels, [m, labels], from those of the labels that a fold has seen, [m, present].

    The others get `ABSENT`, a probability of almost zero.
    """
    whole = np.full((len(partial), labels), ABSENT, dtype=np.float32)
    whole[:, present] = partial
    return whole
