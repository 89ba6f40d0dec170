"""The list of surrogates: what each reads, what it costs, and its usual weight in a pool.

Those with a usual weight are always learned. The others are tried on one fold while time is left, and learned
in full only where they improve the pool on that fold. `sgd` and `trees` are tried only if named.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.featurizers.vectors import VectorFeaturizer
from models.surrogates import boosting, linear, neighbours, perceptron, sgd, trees
from models.surrogates.contract import Matrix, Surrogate, TrainingTargets


class FoldModel(Protocol):
    """A model fitted on some of the traces."""

    def predict(self, matrix: Matrix) -> Matrix:
        """Logits [m, labels] of rows of the matrix [m, d]."""
        ...


Learn = Callable[[VectorFeaturizer, TrainingTargets], Surrogate]
FitFold = Callable[[Matrix, TrainingTargets, NDArray[np.int64]], FoldModel]


@dataclass(frozen=True, slots=True)
class Extra:
    """A surrogate that is not always learned.

    Attributes:
        kind: its name.
        learn: fits all folds, and scores every trace out of fold.
        fold: fits one fold, to see whether the others are worth the time.
        cost: seconds a fold, on one core, for 1,000 traces, 10 labels and vectors of length 100; it grows in
            proportion to each (with fewer labels it stays). Rough: it only decides what is not tried at all.
        by_name: tried only if named.
    """

    kind: str
    learn: Learn
    fold: FitFold
    cost: float
    by_name: bool = False

    def seconds(self, targets: TrainingTargets, width: int) -> float:
        """Estimated seconds to fit all folds on vectors of length `width`."""
        folds, traces = len(targets.held_out), len(targets.codes)
        return self.cost * folds * traces / 1000 * max(targets.labels / 10, 1.0) * width / 100


ALWAYS = (linear.KIND, neighbours.KIND)
EXTRAS = (
    Extra(perceptron.KIND, perceptron.learn, perceptron.fold, 0.06),
    Extra(boosting.KIND, boosting.learn, boosting.fold, 0.4),
    Extra(sgd.KIND, sgd.learn, sgd.fold, 0.2, by_name=True),
    Extra(trees.KIND, trees.learn, trees.fold, 0.1, by_name=True),
)


def usual_weights(members: Sequence[Surrogate]) -> tuple[float, ...]:
    """Weights in a pool that no label decides; chosen on Banking77."""
    linear_members = sum(member.kind == linear.KIND for member in members)
    has_neighbours = any(member.kind == neighbours.KIND for member in members)
    share = {1: 0.6 if has_neighbours else 1.0, 2: 0.35 if has_neighbours else 0.5}
    weights = {linear.KIND: share.get(linear_members, 1.0 / max(linear_members, 1)), neighbours.KIND: 0.35}
    return tuple(weights.get(member.kind, 0.0) for member in members)
