"""Fits of logistic regression that each learn from the rows outside of some folds, side by side.

The matrix is rotated and scaled once so that the problem is well conditioned, which changes the path and not
the minimum. Its rows are put in the order of their folds: then what a fit learns from are two parts of it,
and no copy. Fits in a group share their products with the matrix (`models.surrogates.softmax_loss`).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.featurizers.row_blocks import row_blocks
from models.featurizers.spectrum import spectrum
from models.graph.linear import Linear
from models.surrogates.contract import Matrix, TrainingTargets
from models.surrogates.fit_threads import THREADS
from models.surrogates.lbfgs import MEMORY, Start, minimise
from models.surrogates.softmax_loss import SoftmaxLoss, logits_of

TOGETHER, TOGETHER_NUMBERS = 5, 1 << 25
"""Fits that share products, at most, and numbers that they hold: more save no time, and take memory."""
LOGITS_HELD, MODELS_HELD = 4, 2 * MEMORY
"""What a fit holds: arrays as large as its logits, and as its model."""
TOLERANCE, MOST_TOLERANCE = 1e-7, 5e-4
"""Relative change of the loss that ends a fit: for each row, and at most. At 1,500 texts of Banking77 2e-4
costs no accuracy and saves a quarter of the seconds, and so does 5e-4 at 10,003; at 500 2e-4 would cost .8
points."""
CURVATURE = 0.01
RIDGE = 3e-4
SHARPNESS = (1.0, 4.0, 16.0)


@dataclass(frozen=True, slots=True)
class FoldProblem:
    """What all folds share.

    Attributes:
        matrix: float32 [m, d + 1], the rows with a weight in the order of their folds, rotated, and a column
            of ones.
        codes, weights: of these rows.
        starts: int64 [folds + 1], where the rows of each fold begin.
        rotation: float32 [d, d].
        spectrum: float64 [d + 1], mean square of each column.
        labels: how many there are.
    """

    matrix: Matrix
    codes: NDArray[np.int64]
    weights: Matrix
    starts: NDArray[np.int64]
    rotation: Matrix
    spectrum: NDArray[np.float64]
    labels: int

    def loss(self, strength: float, first: int, last: int) -> SoftmaxLoss | None:
        """That of the rows outside of the folds from `first` to `last`; None where there are none.

        If there is only one fold, that of all rows.
        """
        begin, end = (self.starts[first], self.starts[last + 1]) if len(self.starts) > 2 else (0, 0)
        parts = [slice(0, int(begin)), slice(int(end), len(self.matrix))]
        rows = len(self.matrix) - int(end - begin)
        if rows == 0:
            return None
        scale = self._scale(strength, rows)
        penalty = scale**2 / np.float32(strength * rows)
        penalty[-1] = 0.0
        kept = [part for part in parts if part.stop > part.start]
        codes = np.concatenate([self.codes[part] for part in kept])
        weights = np.concatenate([self.weights[part] for part in kept])
        return SoftmaxLoss(self.matrix, kept, codes, weights, scale, penalty, self.labels)

    def _scale(self, strength: float, rows: int) -> Matrix:
        """Factor for each column that brings its curvature near to one; the intercept has no penalty."""
        penalty = np.append(np.full(len(self.spectrum) - 1, 1.0 / (strength * rows)), 0.0)
        curvature = CURVATURE * self.spectrum / self.labels
        return np.asarray(1.0 / np.sqrt(curvature + penalty + 1e-9), dtype=np.float32)[:, None]

    def as_linear(self, model: Matrix) -> Linear:
        """A model of the rotated matrix, [d + 1, labels], as one of the matrix."""
        return Linear(self.rotation @ model[:-1], model[-1])

    def from_linear(self, model: Linear) -> Matrix:
        """The inverse of `as_linear`."""
        return np.vstack([self.rotation.T @ model.weights, model.intercept])


def fold_problem(matrix: Matrix, targets: TrainingTargets, threads: Executor) -> FoldProblem:
    moments = matrix.T @ matrix / np.float32(len(matrix))
    squares, rotation = spectrum(moments)
    weights = np.ones(len(matrix)) if targets.weights is None else targets.weights
    relative = (weights / weights[weights > 0].mean()).astype(np.float32)
    order = np.argsort(targets.folds, kind="stable")
    order = order[relative[order] > 0]
    rotated = np.empty((len(order), matrix.shape[1] + 1), dtype=np.float32)

    def rotate(block: slice) -> None:
        np.matmul(matrix[order[block]], rotation, out=rotated[block, :-1])

    list(threads.map(rotate, row_blocks(len(order), 2 * THREADS * rotated.shape[1])))
    rotated[:, -1] = 1.0
    return FoldProblem(
        rotated,
        targets.codes[order],
        relative[order],
        np.searchsorted(targets.folds[order], np.arange(int(targets.folds.max()) + 2)),
        rotation,
        np.append(np.maximum(squares, 0.0), 1.0),
        targets.labels,
    )


def fit_outside(
    problem: FoldProblem,
    strength: float,
    held_out: Sequence[tuple[int, int]],
    starts: Mapping[int, Matrix],
    threads: Executor,
) -> list[Matrix]:
    """For each first and last fold a model of the rows outside, [d + 1, labels] for the rotated matrix.

    Args:
        strength: C.
        starts: by the first fold, a model to start from.
        threads: to fit in (`models.surrogates.fit_threads`).
    """
    rows, width = problem.matrix.shape
    numbers = problem.labels * (LOGITS_HELD * rows + MODELS_HELD * width)
    at_once = int(np.clip(TOGETHER_NUMBERS // max(numbers, 1), 1, TOGETHER))

    def fit(group: Sequence[tuple[int, int]]) -> dict[int, Matrix]:
        losses = {first: problem.loss(strength, first, last) for first, last in group}
        return _fit({first: loss for first, loss in losses.items() if loss is not None}, problem, starts)

    models: dict[int, Matrix] = {}
    for fitted in threads.map(fit, _groups(held_out, at_once)):
        models |= fitted
    # Where every trace with a weight is held out, there is nothing to learn from.
    nothing = np.zeros((width, problem.labels), dtype=np.float32)
    return [models.get(first, nothing) for first, _ in held_out]


def _groups(held_out: Sequence[tuple[int, int]], at_once: int) -> list[Sequence[tuple[int, int]]]:
    """These in as few groups as leave no thread with less to do, each of `at_once` or fewer."""
    count = THREADS * -(-len(held_out) // (THREADS * at_once))
    return [held_out[place::count] for place in range(min(count, len(held_out)))]


def _fit(
    losses: Mapping[int, SoftmaxLoss], problem: FoldProblem, starts: Mapping[int, Matrix]
) -> dict[int, Matrix]:
    """The models of these losses, fitted side by side, each from its start if it has one."""
    found = zip(losses.items(), minimise(_starts(losses, problem, starts)), strict=True)
    return {each: model * loss.scale for (each, loss), model in found}


def _starts(
    losses: Mapping[int, SoftmaxLoss], problem: FoldProblem, starts: Mapping[int, Matrix]
) -> Iterator[Start]:
    """Of these losses; keeps none, since a fit soon has other logits."""
    scaled = {each: starts[each] / loss.scale for each, loss in losses.items() if each in starts}
    own = dict(zip(scaled, logits_of([losses[each] for each in scaled], list(scaled.values())), strict=True))
    for each, loss in losses.items():
        if each in starts:
            model, logits = scaled[each], own.pop(each)
        else:
            model, logits = _ridge_start(loss, problem.spectrum)
        yield Start(loss, model, logits, min(TOLERANCE * len(loss.codes), MOST_TOLERANCE))


def _ridge_start(loss: SoftmaxLoss, squares: NDArray[np.float64]) -> tuple[Matrix, Matrix]:
    """About the least-squares fit of the labels' indicators, at its best sharpness, and its logits.

    It halves the iterations. It is not exact, because the rotation makes columns uncorrelated over all rows,
    not over these.
    """
    rows = len(loss.codes)
    indicators = np.zeros((rows, loss.labels), dtype=np.float32)
    indicators[np.arange(rows), loss.codes] = loss.weights
    indicators -= indicators.mean(axis=1, keepdims=True)
    moments = loss.pull_back(indicators) / np.float32(rows)
    ridge = (moments / (squares + RIDGE)[:, None]).astype(np.float32) / loss.scale
    logits = loss.logits(ridge)
    excess, penalty = indicators, loss.penalty_of(ridge, ridge)

    def value(sharp: float) -> float:
        return loss.of_logits(np.float32(sharp) * logits, excess) + 0.5 * sharp**2 * penalty

    best = np.float32(min(SHARPNESS, key=value))
    return best * ridge, best * logits
