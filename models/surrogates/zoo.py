"""Which surrogates there are, what each reads, what it costs, and how much it counts before a label is seen.

Those with a usual weight are always learned. The others are tried on one fold while time is left, and learned
in full only where that fold says that they can still win. `sgd` and `trees` are tried only by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.featurizers.vectors import VectorFeaturizer
from models.surrogates import boosting, linear, neighbours, perceptron, sgd, trees
from models.surrogates.contract import Matrix, Surrogate, TrainingTargets


class Fold(Protocol):
    """Learned from some of the traces."""

    def predict(self, matrix: Matrix) -> Matrix:
        """Logits [m, labels] of rows of the matrix [m, d]."""
        ...


Learn = Callable[[VectorFeaturizer, TrainingTargets], Surrogate]
FoldOf = Callable[[Matrix, TrainingTargets, NDArray[np.int64]], Fold]


@dataclass(frozen=True, slots=True)
class Extra:
    """A surrogate that is not always learned.

    Attributes:
        kind: its name.
        learn: makes it from all traces, and scores them out of fold.
        fold: makes it from some of them, to see whether the rest is worth while.
        cost: seconds on one core for a thousand traces, ten labels and a hundred numbers a vector; times
            more of each, in proportion, for all folds of a fit. Rough: it decides what is not even tried.
        by_name: only where it is asked for.
    """

    kind: str
    learn: Learn
    fold: FoldOf
    cost: float
    by_name: bool = False

    def seconds(self, lesson: TrainingTargets, width: int) -> float:
        """What learning all folds would take, as far as the sizes tell."""
        folds, traces = len(lesson.held), len(lesson.codes)
        return self.cost * folds * traces / 1000 * max(lesson.labels / 10, 1.0) * width / 100


ALWAYS = (linear.KIND, neighbours.KIND)
EXTRAS = (
    Extra(perceptron.KIND, perceptron.learn, perceptron.fold, 0.06),
    Extra(boosting.KIND, boosting.learn, boosting.fold, 0.4),
    Extra(sgd.KIND, sgd.learn, sgd.fold, 0.2, by_name=True),
    Extra(trees.KIND, trees.learn, trees.fold, 0.1, by_name=True),
)
KINDS = (*ALWAYS, *(extra.kind for extra in EXTRAS))


def usual_weights(members: Sequence[Surrogate]) -> tuple[float, ...]:
    """How much each counts in a pool before any label has been looked at: what suited Banking77."""
    lines = sum(member.kind == linear.KIND for member in members)
    near = any(member.kind == neighbours.KIND for member in members)
    share = {1: 0.6 if near else 1.0, 2: 0.35 if near else 0.5}
    weights = {linear.KIND: share.get(lines, 1.0 / max(lines, 1)), neighbours.KIND: 0.35}
    return tuple(weights.get(member.kind, 0.0) for member in members)
