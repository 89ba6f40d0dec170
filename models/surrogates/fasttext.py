"""fastText on n-grams: a low-rank linear softmax model, learned with dropout (Joulin et al. 2017).

Each n-gram has a vector of `HIDDEN` numbers, a text is their sum weighted by tf-idf, and a linear layer gives
the logits. While it learns, half of a text's n-grams are left out at random, so it can't lean on few of them.
Nothing between the layers is curved: a model is linear in the n-grams. Deployed is the average of the fold
models, which all begin with the same vectors. The average is a little better than each of them, so scores out
of fold are too low rather than too high.

Learned by Adam, whose moments are those of the n-grams in the batch alone. A row is scored by a model that
has not learned from its fold. Folds are joined, five or ten to a fit, so each model learns from less and not
from more than the fold models of other surrogates. With few traces a fold counts for more, and so do steps:
there are more models, and smaller batches.
"""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.featurizers.text import TextFeaturizer
from models.graph.linear import Linear
from models.surrogates.contract import ABSENT, Matrix, TrainingTargets

HIDDEN = 64
DROPOUT = 0.5
RATE = 0.01
SCALE = 16.0
DEVIATION = 0.05
"""Standard deviation of the first vectors."""
EPOCH_ROWS = 24_000
EPOCHS = (4, 19)
DECAY = (0.9, 0.999)
SMALLEST = 1e-6
MOVED_AT_ONCE = 800


@dataclass(frozen=True, slots=True)
class Schedule:
    """The number of groups of folds, at most, and of the rows of one step."""

    models: int
    batch: int


FEW_TRACES = Schedule(models=10, batch=128)
MANY_TRACES = Schedule(models=5, batch=256)


@dataclass(frozen=True, slots=True)
class FastTextFits:
    """Logits of each row by the model that has not learned from it, and the average model, on `terms`."""

    logits: Matrix
    model: Linear


def out_of_fold(
    featurizer: TextFeaturizer,
    targets: TrainingTargets,
    threads: Executor,
    schedule: Schedule = MANY_TRACES,
) -> FastTextFits:
    """Fit every group of folds in these threads, and average."""
    scaled, held_out_terms = featurizer.terms() * np.float32(SCALE), featurizer.held_out_terms()
    count = int(targets.folds.max()) + 1
    models = min(count, schedule.models)
    group = targets.folds % models
    learning = [
        np.flatnonzero(group != each) if models > 1 else np.arange(len(group)) for each in range(models)
    ]
    logits = np.empty((len(group), targets.labels), dtype=np.float32)
    weights = np.zeros((scaled.shape[1], targets.labels), dtype=np.float32)
    intercept = np.zeros(targets.labels, dtype=np.float32)
    fitted = threads.map(lambda rows: fit(scaled, targets, rows, schedule), learning)
    for each, model in enumerate(fitted):
        logits[group == each] = model.logits(held_out_terms[group == each])
        logits[np.ix_(group == each, _absent(targets, learning[each]))] = ABSENT
        weights += model.weights / np.float32(models)
        intercept += model.intercept / np.float32(models)
    return FastTextFits(logits, Linear(weights, intercept))


def _absent(targets: TrainingTargets, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool [labels]: nothing is learned of the label from these rows."""
    learned = rows if targets.weights is None else rows[targets.weights[rows] > 0]
    return np.asarray(np.bincount(targets.codes[learned], minlength=targets.labels) == 0)


def fit(
    scaled: sparse.csr_matrix, targets: TrainingTargets, rows: NDArray[np.int64], schedule: Schedule
) -> Linear:
    """A model on terms, [n, v], learned from these rows of them times `SCALE` alone."""
    network = _LowRankNetwork(scaled.shape[1], targets.labels, np.random.default_rng(targets.seed))
    weights = np.ones(len(scaled.indptr) - 1) if targets.weights is None else targets.weights
    rows = rows[weights[rows] > 0]
    epochs = int(np.clip(round(EPOCH_ROWS / max(len(rows), 1)), *EPOCHS))
    steps = epochs * -(-len(rows) // schedule.batch)
    relative = (weights / weights[rows].mean()).astype(np.float32) if len(rows) else weights
    step = 0
    for _ in range(epochs):
        order = network.generator.permutation(rows)
        for first in range(0, len(order), schedule.batch):
            batch = order[first : first + schedule.batch]
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            step += 1
            network.learn(scaled[batch], targets.codes[batch], relative[batch], rate, step)
    return network.linear()


class _LowRankNetwork:
    """Vectors of n-grams, the layer above them, and Adam's moments of each."""

    def __init__(self, terms: int, labels: int, generator: np.random.Generator) -> None:
        self.generator = generator
        vectors = generator.standard_normal((terms, HIDDEN), dtype=np.float32) * np.float32(DEVIATION)
        above = generator.standard_normal((HIDDEN, labels), dtype=np.float32) / np.float32(np.sqrt(HIDDEN))
        self._vectors, self._above = _Adam(vectors), _Adam(above)
        self._intercept = _Adam(np.zeros((1, labels), dtype=np.float32))
        self._is_met = np.zeros(terms, dtype=np.bool_)
        self._place = np.empty(terms, dtype=np.int32)

    def learn(
        self, batch: sparse.csr_matrix, codes: NDArray[np.int64], weights: Matrix, rate: float, step: int
    ) -> None:
        """One step on the rows of a batch, [b, terms]."""
        kept = np.flatnonzero(self.generator.random(batch.nnz, dtype=np.float32) > DROPOUT)
        met, inverse = self._distinct(batch.indices[kept])
        values = batch.data[kept] * np.float32(1 / (1 - DROPOUT))
        starts = np.searchsorted(kept, batch.indptr)
        seen = sparse.csr_matrix((values, inverse, starts), (len(codes), len(met)))
        vectors, above = self._vectors.values[met], self._above.values
        hidden = seen @ vectors
        share = hidden @ above + self._intercept.values
        share -= share.max(axis=1, keepdims=True)
        np.exp(share, out=share)
        share /= share.sum(axis=1, keepdims=True)
        share[np.arange(len(codes)), codes] -= 1.0
        share *= (weights / np.float32(len(codes)))[:, None]
        below = seen.T @ (share @ above.T)
        self._above.move(np.arange(HIDDEN), hidden.T @ share, rate, step)
        self._intercept.move(np.arange(1), share.sum(axis=0, keepdims=True), rate, step)
        self._vectors.move(met, below, rate, step)

    def _distinct(self, terms: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The terms once each, ascending, and the place of each among them, without sorting."""
        self._is_met[terms] = True
        met = np.flatnonzero(self._is_met)
        self._is_met[met] = False
        self._place[met] = np.arange(len(met), dtype=np.int32)
        return met, self._place[terms]

    def linear(self) -> Linear:
        weights = np.float32(SCALE) * (self._vectors.values @ self._above.values)
        return Linear(weights, self._intercept.values[0])


class _Adam:
    """Numbers that Adam moves (Kingma and Ba 2015), [rows, k], a choice of rows at a time.

    The moments are kept as sums and not as means, which their factor, one for all, makes of them. Few rows
    are moved at once, so that all of theirs stays in the cache of a processor, and always in the same memory:
    together half of the time less.
    """

    def __init__(self, values: Matrix) -> None:
        self.values = values
        self._sum, self._squares = np.zeros_like(values), np.zeros_like(values)
        self._block = np.empty((2, min(len(values), MOVED_AT_ONCE), values.shape[1]), dtype=np.float32)

    def move(self, rows: NDArray[np.int64], gradient: Matrix, rate: float, step: int) -> None:
        """Move these rows against the gradient, which is overwritten."""
        fast, slow = DECAY
        deviation = ((1 - slow) / (1 - slow**step)) ** 0.5
        smallest = np.float32(SMALLEST / deviation)
        factor = np.float32(rate * (1 - fast) / (1 - fast**step) / deviation)
        for first in range(0, len(rows), MOVED_AT_ONCE):
            block = slice(first, first + MOVED_AT_ONCE)
            self._move(rows[block], gradient[block], smallest, factor)

    def _move(
        self, rows: NDArray[np.int64], gradient: Matrix, smallest: np.float32, factor: np.float32
    ) -> None:
        moved, divisor = self._block[:, : len(rows)]
        _take(self._sum, rows, moved)
        moved *= np.float32(DECAY[0])
        moved += gradient
        self._sum[rows] = moved
        _take(self._squares, rows, divisor)
        divisor *= np.float32(DECAY[1])
        gradient *= gradient
        divisor += gradient
        self._squares[rows] = divisor
        np.sqrt(divisor, out=divisor)
        divisor += smallest
        moved /= divisor
        moved *= factor
        _take(self.values, rows, divisor)
        divisor -= moved
        self.values[rows] = divisor


def _take(values: Matrix, rows: NDArray[np.int64], out: Matrix) -> None:
    # "raise", the default, writes to a copy of `out` first.
    np.take(values, rows, axis=0, out=out, mode="clip")
