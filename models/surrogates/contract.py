"""What every surrogate owes: an opinion of each trace that it has not learned from, and the same in a graph.

An opinion is a row of logits, any numbers that grow with the teacher's chance of giving that label. What is
deployed is what these out-of-fold opinions stand for: the average or the ensemble of the fold models, or a
refit on all traces where neither is to be had (each surrogate says which).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.graph.building import Graph

Matrix = NDArray[np.float32]
ABSENT = -30.0


@dataclass(frozen=True, slots=True)
class TrainingTargets:
    """What there is to learn, whatever the features.

    Attributes:
        codes: int64 [n], the teacher's label of each trace, 0..labels-1.
        labels: how many labels there are.
        folds: int64 [n], which traces are held out together.
        weights: float64 [n], how much each counts in learning; None for all alike.
        choosers: bool [n], the traces whose labels may be looked at to choose between models; none of them
            certifies. Without any, what would be chosen has a value that no label decides.
        seed: of everything random.
    """

    codes: NDArray[np.int64]
    labels: int
    folds: NDArray[np.int64]
    weights: NDArray[np.float64] | None
    choosers: NDArray[np.bool_]
    seed: int

    @property
    def held(self) -> list[NDArray[np.bool_]]:
        """For each fold, which traces it holds out, [n] each."""
        return [self.folds == fold for fold in range(int(self.folds.max()) + 1)]

    def learned(self, held: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Places of the traces that a fold learns from: those it does not hold out, or all if it is alone."""
        return np.flatnonzero(~held) if not held.all() else np.arange(len(held))


class Surrogate(Protocol):
    """One that has learned.

    Attributes:
        kind: its name in the zoo.
        reads: the kind of its design.
        name: what it is, in words.
        logits: float32 [n, labels], of each trace by models that have not learned from it.
        strength: what regularises it, for a refit to start from; 0.0 where it has no such thing.
    """

    kind: str
    reads: str
    name: str
    logits: Matrix
    strength: float

    def predict(self, matrix: Matrix) -> Matrix:
        """Logits [m, labels] of rows of its design's matrix [m, d]: what the graph says, in numpy."""
        ...

    def write(self, graph: Graph) -> str:
        """Add its nodes; the name of its logits."""
        ...


def spread(partial: NDArray[np.floating], present: NDArray[np.int64], labels: int) -> Matrix:
    """Logits of the labels that a fold has seen, [m, present], with the others as good as impossible."""
    whole = np.full((len(partial), labels), ABSENT, dtype=np.float32)
    whole[:, present] = partial
    return whole
