"""Multinomial logistic regression on a design. Deployed: the average of the fold models."""

from collections.abc import Callable

from models.featurizers.contract import Featurizer
from models.graph.building import Graph
from models.surrogates import logistic
from models.surrogates.contract import Matrix, TrainingTargets

KIND = "logistic"


class LinearSurrogate:
    """See `models.surrogates.contract.Surrogate`; for models that are averages of linear fold models."""

    def __init__(self, kind: str, words: str, design: Featurizer, found: logistic.OutOfFold) -> None:
        self.kind = kind
        self.reads = design.kind
        self.name = f"{words} on {design.name}"
        self.logits = found.logits
        self.strength = found.strength
        self.model = found.model
        self._design = design

    def predict(self, matrix: Matrix) -> Matrix:
        return self.model.logits(matrix)

    def write(self, graph: Graph) -> str:
        return self._design.write_linear(graph, self.model)


def learn(
    design: Featurizer,
    lesson: TrainingTargets,
    strength: float | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> LinearSurrogate:
    """Fit every fold.

    Args:
        strength: C, where it is known already; None to choose it on the choosers, or by the number of
            traces where there are none.
    """
    found = logistic.out_of_fold(design.matrix, lesson, strength, progress)
    return LinearSurrogate(KIND, "logistic regression", design, found)
