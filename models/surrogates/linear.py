"""Multinomial logistic regression on the features. Deployed: the average of the fold models."""

from collections.abc import Callable

from models.featurizers.contract import Featurizer
from models.graph.building import Graph
from models.surrogates import logistic
from models.surrogates.contract import Matrix, TrainingTargets

KIND = "logistic"


class LinearSurrogate:
    """A surrogate that is the average of linear fold models; see `models.surrogates.contract.Surrogate`."""

    def __init__(self, kind: str, words: str, featurizer: Featurizer, fits: logistic.OutOfFold) -> None:
        self.kind = kind
        self.reads = featurizer.kind
        self.name = f"{words} on {featurizer.name}"
        self.logits = fits.logits
        self.strength = fits.strength
        self.model = fits.model
        self._featurizer = featurizer

    def predict(self, matrix: Matrix) -> Matrix:
        return self.model.logits(matrix)

    def write(self, graph: Graph) -> str:
        return self._featurizer.write_linear(graph, self.model)


def learn(
    featurizer: Featurizer,
    targets: TrainingTargets,
    strength: float | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> LinearSurrogate:
    """Fit every fold, and average.

    Args:
        strength: C, where it is known; None to choose it on the selection traces, or by the number of traces
            where there are no selection traces.
    """
    fits = logistic.out_of_fold(featurizer.matrix, featurizer.held_out, targets, strength, progress)
    return LinearSurrogate(KIND, "logistic regression", featurizer, fits)
