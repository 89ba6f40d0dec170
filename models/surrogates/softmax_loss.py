"""Log loss of multinomial logistic regression on some rows of a matrix, and its products with the matrix.

Losses on rows of one matrix share their products, since a processor multiplies by few columns slowly. With
9,003 x 1,025 numbers and 77 labels, five at once took .70 of the time of five in turn (98 instead of 68
GFLOP/s, one thread with AVX-512), and ten took no less.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

CACHED = 1 << 16
"""Numbers of which two arrays stay in the cache of a processor."""
MULTIPLIED = 2048
"""Rows in one product, at most: it is as fast as one of all rows, and its other side takes less memory."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SoftmaxLoss:
    """Weighted mean log loss of n rows with a ridge penalty, of a model V in scaled units.

    Logits are those of `scale * V`. It is convex in V.

    Attributes:
        matrix: float32 [m, d].
        kept: the parts of it that are the n rows, in ascending order.
        codes: int64 [n], labels.
        weights: float32 [n].
        scale, penalty: float32 [d, 1].
        labels: how many there are.
    """

    matrix: Matrix
    kept: Sequence[slice]
    codes: NDArray[np.int64]
    weights: Matrix
    scale: Matrix
    penalty: Matrix
    labels: int

    def logits(self, model: Matrix) -> Matrix:
        """[n, labels] of the model, [d, labels]."""
        return logits_of([self], [model])[0]

    def pull_back(self, each: Matrix) -> Matrix:
        """What a change of each row's logits, [n, labels], is in terms of the unscaled model, [d, labels]."""
        return pulled_back([self], [each])[0]

    def gradient(self, pulled: Matrix, model: Matrix) -> Matrix:
        """By the model, from `pull_back` of what `of_logits` has left."""
        return self.scale * pulled / np.float32(len(self.codes)) + self.penalty * model

    def penalty_of(self, model: Matrix, other: Matrix) -> float:
        """The penalty's bilinear form: of a model with itself twice the penalty."""
        return float(np.vdot(self.penalty * model, other))

    def of_logits(self, logits: Matrix, excess: Matrix) -> float:
        """The log loss of these logits; `excess`, [n, labels], becomes n times its gradient."""
        right, total = np.empty_like(self.weights), np.empty_like(self.weights)
        at_once = max(1, CACHED // self.labels)
        for first in range(0, len(self.codes), at_once):
            rows = slice(first, first + at_once)
            part, codes, weights = excess[rows], self.codes[rows], self.weights[rows]
            every = np.arange(len(codes))
            np.subtract(logits[rows], logits[rows].max(axis=1, keepdims=True), out=part)
            right[rows] = part[every, codes]
            np.exp(part, out=part)
            total[rows] = part.sum(axis=1)
            part *= (weights / total[rows])[:, None]
            part[every, codes] -= weights
        return float(np.dot(self.weights, (np.log(total) - right).astype(np.float64))) / len(self.codes)


def logits_of(losses: Sequence[SoftmaxLoss], models: Sequence[Matrix]) -> list[Matrix]:
    """`SoftmaxLoss.logits` of each, for losses that differ neither in matrix nor in labels."""
    scaled = [loss.scale * model for loss, model in zip(losses, models, strict=True)]
    logits = [np.empty((len(loss.codes), loss.labels), dtype=np.float32) for loss in losses]
    for part, keepers in _shared_parts(losses):
        wide = losses[0].matrix[part] @ np.hstack([scaled[place] for place, _ in keepers])
        for own, (place, rows) in zip(np.hsplit(wide, len(keepers)), keepers, strict=True):
            logits[place][rows] = own
    return logits


def pulled_back(losses: Sequence[SoftmaxLoss], each: Sequence[Matrix]) -> list[Matrix]:
    """`SoftmaxLoss.pull_back` of each, likewise."""
    totals = [np.zeros((len(loss.scale), loss.labels), dtype=np.float32) for loss in losses]
    for part, keepers in _shared_parts(losses):
        wide = losses[0].matrix[part].T @ np.hstack([each[place][rows] for place, rows in keepers])
        for own, (place, _) in zip(np.hsplit(wide, len(keepers)), keepers, strict=True):
            totals[place] += own
    return totals


def _shared_parts(losses: Sequence[SoftmaxLoss]) -> Iterator[tuple[slice, list[tuple[int, slice]]]]:
    """Parts of the matrix, and for each the losses that keep it: their places, and which of their rows."""
    ends = {end for loss in losses for part in loss.kept for end in (part.start, part.stop)}
    ends.update(range(0, max(ends, default=0), MULTIPLIED))
    begun = [0] * len(losses)
    for start, stop in pairwise(sorted(ends)):
        keepers = []
        for place, loss in enumerate(losses):
            if any(part.start <= start and stop <= part.stop for part in loss.kept):
                keepers.append((place, slice(begun[place], begun[place] + stop - start)))
                begun[place] += stop - start
        if keepers:
            yield slice(start, stop), keepers
