"""Logistic regression and fastText on n-grams. Deployed: one linear model, their weighted sum.

Logistic regression knows the common n-grams best, fastText spreads its weight over many. Both are linear in
the same n-grams, so the graph costs no more than one of them. The shares are fixed: no label chooses them.
With fewer than `AMPLE` traces fastText has the smaller share: its models out of fold lack more of the traces.
With fewer than `FEWEST` it lets no more through the gate, takes as long as all the rest, and is left out: a
stream waits for its first policy.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.featurizers.text import TextFeaturizer
from models.graph.building import Graph
from models.graph.linear import Linear
from models.surrogates import fasttext, linear, logistic
from models.surrogates.contract import Matrix, TrainingTargets
from models.surrogates.fit_threads import fit_threads

FEWEST, AMPLE = 600, 3000
SHARE, SHARE_OF_FEW = 0.5, 0.3
"""Share of fastText with `AMPLE` traces or more, and with fewer; chosen on Banking77."""


@dataclass(frozen=True, slots=True)
class SummedModel:
    """One of the models that are summed: its factor, its logits out of fold, and the model on `terms`."""

    factor: float
    logits: Matrix
    model: Linear


class TextLinear:
    """See `models.surrogates.contract.Surrogate`; its matrix are the featurizer's `terms`."""

    kind = linear.KIND

    def __init__(self, featurizer: TextFeaturizer, strength: float, parts: Sequence[SummedModel]) -> None:
        self.reads = featurizer.kind
        self.name = f"logistic regression and fastText on {featurizer.name}"
        self.strength = strength
        factors = [part.factor for part in parts]
        self.logits = _weighted_sum(factors, [part.logits for part in parts])
        self.model = Linear(
            _weighted_sum(factors, [part.model.weights for part in parts]),
            _weighted_sum(factors, [part.model.intercept for part in parts]),
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
    ample: int = AMPLE,
) -> TextLinear | linear.LinearSurrogate:
    """Fit all; arguments as in `models.surrogates.linear.learn`."""
    weighted = len(targets.codes) if targets.weights is None else int((targets.weights > 0).sum())
    if weighted < fewest:
        return linear.learn(featurizer, targets, strength, progress)
    few = weighted < ample
    schedule = fasttext.FEW_TRACES if few else fasttext.MANY_TRACES
    with ThreadPoolExecutor(1) as aside, fit_threads() as threads:
        # Both hand their fits to the same threads, so none of these is idle while the other has some.
        started = aside.submit(fasttext.out_of_fold, featurizer, targets, threads, schedule)
        fits = logistic.out_of_fold(
            featurizer.matrix, featurizer.held_out, targets, threads, strength, progress
        )
        beside = started.result()
    share = SHARE_OF_FEW if few else SHARE
    parts = [
        SummedModel(1 - share, fits.logits, featurizer.over_terms(fits.model)),
        SummedModel(share, beside.logits, beside.model),
    ]
    return TextLinear(featurizer, fits.strength, parts)


def _weighted_sum(factors: Sequence[float], parts: Sequence[Matrix]) -> Matrix:
    total = np.zeros_like(parts[0], dtype=np.float32)
    for factor, part in zip(factors, parts, strict=True):
        total += np.float32(factor) * part
    return total
