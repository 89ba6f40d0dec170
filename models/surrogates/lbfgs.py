"""L-BFGS for multinomial logistic regression, in float32 (Nocedal and Wright 2006, chapter 7).

Logits are linear in the model, so one product with the matrix gives them for every step along a direction:
the line search costs no other, and an iteration two, one for the direction and one for the gradient. Fits on
rows of one matrix go side by side and share these products.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.surrogates.softmax_loss import Matrix, SoftmaxLoss, logits_of, pulled_back

MEMORY = 15
ITERATIONS, SHARED_ITERATIONS = 100, 10
"""At most, and those in which fits share their products: most end soon after."""
SLOPE = 0.5
"""A line search ends where the slope is at most this share of the first one."""
MOST_STEPS = 8
LONGER = 4.0
"""Factor of the next step where the slope still falls."""

Pair = tuple[Matrix, Matrix, float]
"""Change of the model, that of the gradient, and one over their product."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where the fit of a loss begins.

    Attributes:
        loss: to be made least.
        model: float32 [d, labels].
        logits: float32 [n, labels], those of the model.
        tolerance: change of the loss, relative to the loss or to one, that ends the fit.
    """

    loss: SoftmaxLoss
    model: Matrix
    logits: Matrix
    tolerance: float


def minimise(starts: Iterable[Start]) -> list[Matrix]:
    """For each start the model with the least loss; the losses differ neither in matrix nor in labels.

    The first `SHARED_ITERATIONS` go side by side, also where a fit has ended, and then each goes on alone. So
    when others end has no part in how a fit's products are rounded: these may have learned from what it must
    not.
    """
    descents = [_Descent(start) for start in starts]
    _advance(descents, SHARED_ITERATIONS)
    for descent in descents:
        _advance([descent], ITERATIONS - SHARED_ITERATIONS)
    return [descent.model for descent in descents]


def _advance(descents: Sequence["_Descent"], iterations: int) -> None:
    """At most so many iterations of each, side by side."""
    losses = [descent.loss for descent in descents]
    for _ in range(iterations):
        if all(descent.has_ended for descent in descents):
            break
        excesses = [descent.excess for descent in descents]
        for descent, pulled in zip(descents, pulled_back(losses, excesses), strict=True):
            descent.turn(pulled)
        directions = [descent.direction for descent in descents]
        for descent, along in zip(descents, logits_of(losses, directions), strict=True):
            descent.move(along)


class _Descent:
    """One fit: at a model, and about to move along a direction.

    Attributes:
        loss: that is made less.
        model: reached so far.
        excess: [n, labels], see `SoftmaxLoss.of_logits`.
        direction: to move along, once `turn` was called.
        has_ended: there is nothing more to gain, and nothing changes any more.
    """

    def __init__(self, start: Start) -> None:
        self.loss, self.model, self.has_ended = start.loss, start.model, False
        self.excess = np.empty_like(start.logits)
        self._logits, self._tolerance = start.logits, start.tolerance
        penalty = 0.5 * self.loss.penalty_of(self.model, self.model)
        self._value = self.loss.of_logits(self._logits, self.excess) + penalty
        self._pairs: deque[Pair] = deque(maxlen=MEMORY)
        self._before: tuple[Matrix, Matrix] | None = None

    def turn(self, pulled: Matrix) -> None:
        """Choose the direction, by what `excess` is in terms of the unscaled model."""
        if self.has_ended:
            return
        gradient = self.loss.gradient(pulled, self.model)
        if self._before is not None:
            self._remember(self.model - self._before[0], gradient - self._before[1])
        self._before = self.model, gradient
        self.direction = _direction(gradient, self._pairs)
        self._slope = float(np.vdot(gradient, self.direction))
        self.has_ended = not self._slope < 0

    def move(self, along: Matrix) -> None:
        """Move to about the lowest point along the direction, whose logits are given, or stay and end."""
        if self.has_ended:
            return
        before, first = self._value, self._first_step(along)
        step, value, logits = self._search(along, first)
        if not value < before:
            self.has_ended = True
            return
        self.model = self.model + np.float32(step) * self.direction
        self._logits, self._value = logits, value
        gained = before - value > self._tolerance * max(abs(before), 1.0)
        self.has_ended = bool(self._pairs) and not gained

    def _first_step(self, along: Matrix) -> float:
        """1, or without a memory one that is surely not too long."""
        if self._pairs:
            return 1.0
        # The softmax's curvature is at most a half (Boehning 1992).
        spread = float(np.dot(self.loss.weights, np.einsum("nl,nl->n", along, along))) / len(along)
        return -self._slope / (0.5 * spread + self.loss.penalty_of(self.direction, self.direction))

    def _search(self, along: Matrix, first: float) -> tuple[float, float, Matrix]:
        """The step that ends the search, and the loss and the logits there, whose excess is kept."""
        loss, rows, following = self.loss, len(along), first
        level = 0.5 * loss.penalty_of(self.model, self.model)
        tilt = loss.penalty_of(self.model, self.direction)
        bend = loss.penalty_of(self.direction, self.direction)
        near, near_slope, far, far_slope = 0.0, self._slope, np.inf, np.inf
        for _ in range(MOST_STEPS):
            step = following
            logits = self._logits + np.float32(step) * along
            value = loss.of_logits(logits, self.excess) + level + step * (tilt + 0.5 * step * bend)
            slope = float(np.vdot(self.excess, along)) / rows + tilt + step * bend
            if abs(slope) <= SLOPE * abs(self._slope) and value < self._value:
                break
            if slope < 0:
                near, near_slope = step, slope
            else:
                far, far_slope = step, slope
            following = (
                LONGER * step
                if np.isinf(far)
                else near + (far - near) * near_slope / (near_slope - far_slope)
            )
        return step, value, logits

    def _remember(self, moved: Matrix, turned: Matrix) -> None:
        curvature = float(np.vdot(moved, turned))
        if curvature > 0:
            self._pairs.append((moved, turned, 1.0 / curvature))


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
