"""Logistic regression and fastText on n-grams, half each. Deployed: one linear model, the average of both.

Logistic regression knows the common n-grams best, fastText spreads its weight over many. Both are linear in
the same n-grams, so the graph costs no more than one of them. The shares are fixed: no label chooses them.
With fewer than `FEWEST` traces fastText adds nothing, and logistic regression stands alone.
"""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from models.featurizers.text import TextFeaturizer
from models.graph.building import Graph
from models.graph.linear import Linear
from models.surrogates import fasttext, linear, logistic
from models.surrogates.contract import Matrix, TrainingTargets

FEWEST = 3000
LOGISTIC_TIME = 0.4
"""Share of the time that logistic regression takes, for the progress that is shown."""


class TextLinear:
    """See `models.surrogates.contract.Surrogate`; its matrix are the featurizer's `terms`."""

    kind = linear.KIND

    def __init__(
        self, featurizer: TextFeaturizer, fits: logistic.OutOfFold, beside: fasttext.FastTextFits
    ) -> None:
        self.reads = featurizer.kind
        self.name = f"logistic regression and fastText on {featurizer.name}"
        self.strength = fits.strength
        self.logits = _half(fits.logits, beside.logits)
        terms = featurizer.over_terms(fits.model)
        self.model = Linear(
            _half(terms.weights, beside.model.weights), _half(terms.intercept, beside.model.intercept)
        )
        self._featurizer = featurizer

    def predict(self, matrix: sparse.csr_matrix) -> Matrix:
        return self.model.logits(matrix)

    def write(self, graph: Graph) -> str:
        return self._featurizer.write_terms(graph, self.model)


def learn(
    featurizer: TextFeaturizer,
    targets: TrainingTargets,
    strength: float | None = None,
    progress: Callable[[float], None] = lambda _: None,
    fewest: int = FEWEST,
) -> TextLinear | linear.LinearSurrogate:
    """Fit both; arguments as in `models.surrogates.linear.learn`."""
    weighted = len(targets.codes) if targets.weights is None else int((targets.weights > 0).sum())
    if weighted < fewest:
        return linear.learn(featurizer, targets, strength, progress)
    fits = logistic.out_of_fold(
        featurizer.matrix, featurizer.held_out, targets, strength, lambda done: progress(LOGISTIC_TIME * done)
    )
    beside = fasttext.out_of_fold(featurizer, targets)
    progress(1.0)
    return TextLinear(featurizer, fits, beside)


def _half(first: Matrix, second: Matrix) -> Matrix:
    return np.asarray(np.float32(0.5) * (first + second), dtype=np.float32)
