"""Multinomial logistic regression on the features. Deployed: the average of the fold models."""

from collections.abc import Callable, Mapping

from models.featurizers.contract import Featurizer
from models.graph.building import Graph
from models.graph.linear import Linear
from models.surrogates import logistic
from models.surrogates.contract import Matrix, TrainingTargets
from models.surrogates.fit_threads import fit_threads

KIND = "logistic"


class LinearSurrogate:
    """A surrogate that is the average of linear fold models; see `models.surrogates.contract.Surrogate`.

    Attributes:
        fold_models: the models, one for each fold.
    """

    def __init__(self, kind: str, words: str, featurizer: Featurizer, fits: logistic.OutOfFold) -> None:
        self.kind = kind
        self.reads = featurizer.kind
        self.name = f"{words} on {featurizer.name}"
        self.logits = fits.logits
        self.strength = fits.strength
        self.model = fits.model
        self.fold_models = fits.models
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
    starts: Mapping[int, Linear] | None = None,
) -> LinearSurrogate:
    """Fit every fold, and average.

    Args:
        strength: C, where it is known; None to choose it on the selection traces, or by the number of traces
            where there are no selection traces.
        starts: for a fold a model to start from, which must not have learned from what the fold holds out.
    """
    with fit_threads() as threads:
        fits = logistic.out_of_fold(
            featurizer.matrix, featurizer.held_out, targets, threads, strength, progress, starts
        )
    return LinearSurrogate(KIND, "logistic regression", featurizer, fits)
