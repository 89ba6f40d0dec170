"""L-BFGS for multinomial logistic regression, in float32 (Nocedal and Wright 2006, chapter 7).

Logits are linear in the model, so one product with the matrix gives them for every step along a direction:
the line search costs no other, and an iteration two, one for the direction and one for the gradient.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MEMORY = 15
ITERATIONS = 100
SLOPE = 0.5
"""A line search ends where the slope is at most this share of the first one."""
MOST_STEPS = 8
CACHED = 1 << 16
"""Numbers of which two arrays stay in the cache of a processor."""
LONGER = 4.0
"""Factor of the next step where the slope still falls."""

Matrix = NDArray[np.float32]
Pair = tuple[Matrix, Matrix, float]
"""Change of the model, that of the gradient, and one over their product."""


@dataclass(frozen=True, slots=True)
class SoftmaxLoss:
    """Weighted mean log loss of n rows with a ridge penalty, of a model V in scaled units.

    Logits are those of `scale * V`. It is convex in V.

    Attributes:
        blocks: float32 [n_i, d], the rows, in parts that follow each other.
        codes: int64 [n], labels.
        weights: float32 [n].
        scale, penalty: float32 [d, 1].
        labels: how many there are.
    """

    blocks: Sequence[Matrix]
    codes: NDArray[np.int64]
    weights: Matrix
    scale: Matrix
    penalty: Matrix
    labels: int

    def logits(self, model: Matrix) -> Matrix:
        """[n, labels] of the model, [d, labels]."""
        scaled, start = self.scale * model, 0
        logits = np.empty((len(self.codes), self.labels), dtype=np.float32)
        for block in self.blocks:
            np.matmul(block, scaled, out=logits[start : start + len(block)])
            start += len(block)
        return logits

    def pull_back(self, each: Matrix) -> Matrix:
        """What a change of each row's logits, [n, labels], is in terms of the unscaled model, [d, labels]."""
        total, start = np.zeros((len(self.scale), self.labels), dtype=np.float32), 0
        for block in self.blocks:
            total += block.T @ each[start : start + len(block)]
            start += len(block)
        return total

    def gradient(self, excess: Matrix, model: Matrix) -> Matrix:
        """By the model, from what `of_logits` has left."""
        return self.scale * self.pull_back(excess) / np.float32(len(self.codes)) + self.penalty * model

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


class _Point:
    """A model with its logits, and the loss along a direction from it."""

    def __init__(self, loss: SoftmaxLoss, model: Matrix, logits: Matrix) -> None:
        self.model, self._loss, self._logits = model, loss, logits
        self._excess = np.empty_like(logits)
        self.value = loss.of_logits(logits, self._excess) + 0.5 * loss.penalty_of(model, model)

    @property
    def gradient(self) -> Matrix:
        return self._loss.gradient(self._excess, self.model)

    def move(self, direction: Matrix, slope: float, first: float | None) -> bool:
        """Move to about the lowest point along `direction`, where the loss has this slope, < 0.

        Args:
            first: step to try first; None for one that is surely not too long.

        Returns:
            whether that lowers the loss; else it stays.
        """
        loss, rows = self._loss, len(self._logits)
        along = loss.logits(direction)
        level = 0.5 * loss.penalty_of(self.model, self.model)
        tilt, bend = loss.penalty_of(self.model, direction), loss.penalty_of(direction, direction)
        near, near_slope, far, far_slope = 0.0, slope, np.inf, np.inf
        # The softmax's curvature is at most a half (Boehning 1992).
        spread = float(np.dot(loss.weights, np.einsum("nl,nl->n", along, along))) / rows
        following = -slope / (0.5 * spread + bend) if first is None else first
        for _ in range(MOST_STEPS):
            step = following
            logits = self._logits + np.float32(step) * along
            value = loss.of_logits(logits, self._excess) + level + step * (tilt + 0.5 * step * bend)
            found = float(np.vdot(self._excess, along)) / rows + tilt + step * bend
            if abs(found) <= SLOPE * abs(slope) and value < self.value:
                break
            if found < 0:
                near, near_slope = step, found
            else:
                far, far_slope = step, found
            following = (
                LONGER * step
                if np.isinf(far)
                else near + (far - near) * near_slope / (near_slope - far_slope)
            )
        if not value < self.value:
            return False
        self.model, self._logits, self.value = self.model + np.float32(step) * direction, logits, value
        return True


def minimise(loss: SoftmaxLoss, model: Matrix, logits: Matrix | None, tolerance: float) -> Matrix:
    """The model with the least loss.

    Args:
        model: float32 [d, labels], to start from.
        logits: float32 [n, labels], its logits; None to compute them.
        tolerance: change of the loss, relative to the loss or to one, that ends it.
    """
    point = _Point(loss, model, loss.logits(model) if logits is None else logits)
    pairs: deque[Pair] = deque(maxlen=MEMORY)
    gradient = point.gradient
    for _ in range(ITERATIONS):
        before, start = point.value, point.model
        direction = _direction(gradient, pairs)
        slope = float(np.vdot(gradient, direction))
        if not slope < 0 or not point.move(direction, slope, 1.0 if pairs else None):
            break
        if pairs and before - point.value <= tolerance * max(abs(before), 1.0):
            break
        previous, gradient = gradient, point.gradient
        _remember(pairs, point.model - start, gradient - previous)
    return point.model


def _remember(pairs: deque[Pair], moved: Matrix, turned: Matrix) -> None:
    curvature = float(np.vdot(moved, turned))
    if curvature > 0:
        pairs.append((moved, turned, 1.0 / curvature))


def _direction(gradient: Matrix, pairs: Sequence[Pair]) -> Matrix:
    """Minus the gradient times about the inverse of the curvature, which the pairs tell."""
    ahead = gradient.copy()
    shares = []
    for moved, turned, inverse in reversed(pairs):
        shares.append(inverse * float(np.vdot(moved, ahead)))
        ahead -= np.float32(shares[-1]) * turned
    if pairs:
        _, turned, inverse = pairs[-1]
        ahead *= np.float32(1.0 / (inverse * float(np.vdot(turned, turned))))
    for (moved, turned, inverse), share in zip(pairs, reversed(shares), strict=True):
        ahead += np.float32(share - inverse * float(np.vdot(turned, ahead))) * moved
    return -ahead
