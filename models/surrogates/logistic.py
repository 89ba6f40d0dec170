"""Multinomial logistic regression on a dense matrix, and its out-of-fold logits.

Minimises the weighted mean of the log loss plus |W|^2 / (2 C n), the intercept unpenalised, by L-BFGS. The
matrix is rotated and scaled once so that the problem is well conditioned, which changes the path and not the
minimum. C is the one with the least out-of-fold log loss on the selection traces. Without selection traces
it follows from the number of traces: the best C on Banking77 is 64 at 10,000, 256 at 1,500, about 500 at 500.

Many folds are fitted in blocks: each starts from a model that has learned from no row of its block, which
halves the seconds.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models.graph.linear import Linear
from models.surrogates.contract import TrainingTargets

USUAL_STRENGTH, USUAL_TRACES, STRENGTH_POWER = 64.0, 10_000, 0.7
STRENGTHS = (1.0 / 16, 4096.0)
STEP = 4.0
SELECTION_SHARE = 3
"""One fold in three is fitted to choose C."""
BLOCK = 8
"""Folds that share a start."""
THREADS = 2
ITERATIONS = 100
TOLERANCE, MOST_TOLERANCE = 1e-7, 2e-4
"""Relative change of the loss that ends a fit: for each row, and at most. At 1,500 and 6,000 texts of
Banking77 2e-4 costs no accuracy and saves a quarter of the seconds; at 500 it would cost .8 points."""
CURVATURE = 0.01
RIDGE = 3e-4
SHARPNESS = (1.0, 4.0, 16.0)
_MEMORY = 15

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Logits of each row by the fold model that has not learned from it, and the average model.

    Attributes:
        logits: float32 [n, labels].
        model: the average of the fold models.
        strength: the chosen C.
        log_loss: mean out-of-fold log loss at that C.
    """

    logits: Matrix
    model: Linear
    strength: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class _Problem:
    """What all folds share: the rotated matrices (with a column of ones last), targets and weights."""

    matrix: Matrix
    held_out: Matrix
    rotation: Matrix
    spectrum: NDArray[np.float64]
    codes: NDArray[np.int64]
    weights: Matrix
    labels: int
    folds: NDArray[np.int64]
    selection_rows: NDArray[np.bool_]

    def scale(self, strength: float, rows: int) -> Matrix:
        """Factor for each column that brings its curvature near to one; the intercept has no penalty."""
        penalty = np.append(np.full(len(self.spectrum) - 1, 1.0 / (strength * rows)), 0.0)
        curvature = CURVATURE * self.spectrum / self.labels
        return np.asarray(1.0 / np.sqrt(curvature + penalty + 1e-9), dtype=np.float32)


def usual_strength(rows: int) -> float:
    """The usual C for this number of traces."""
    power = round(np.log(USUAL_STRENGTH * (USUAL_TRACES / rows) ** STRENGTH_POWER) / np.log(STEP))
    return float(np.clip(STEP**power, *STRENGTHS))


def out_of_fold(
    matrix: Matrix,
    held_out: Matrix,
    targets: TrainingTargets,
    strength: float | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> OutOfFold:
    """Fit every fold at one C, and average.

    Args:
        matrix: float32 [n, d], that a fold learns from.
        held_out: float32 [n, d], that a row is scored by; see `models.featurizers.contract`.
        targets: of the n rows.
        strength: C where it is known; None to choose it.
        progress: called with the share that is done, in [0, 1].
    """
    problem = _problem(matrix, held_out, targets)
    count = int(problem.folds.max()) + 1
    started: dict[int, Matrix] = {}
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        chosen = usual_strength(len(matrix)) if strength is None else strength
        if strength is None and targets.selection_rows.any():
            chosen, started = _choose(problem, chosen, pool)
        progress(0.5)
        if count >= 2 * BLOCK:
            started = _block_models(problem, chosen, count, pool)
        each = range(count)
        models = list(pool.map(partial(_fold, problem, chosen), each, map(started.get, each)))
    progress(1.0)
    logits = np.empty((len(matrix), problem.labels), dtype=np.float32)
    for fold, model in enumerate(models):
        rows = problem.folds == fold
        logits[rows] = problem.held_out[rows] @ model
    average = np.mean(models, axis=0)
    final = Linear(problem.rotation @ average[:-1], average[-1])
    return OutOfFold(logits, final, chosen, log_loss(logits, problem.codes))


def log_loss(logits: NDArray[np.floating], codes: NDArray[np.int64]) -> float:
    """Mean of -log softmax at the true label."""
    return float(np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(codes)), codes]))


def _problem(matrix: Matrix, held_out: Matrix, targets: TrainingTargets) -> _Problem:
    moments = (matrix.T @ matrix).astype(np.float64) / len(matrix)
    spectrum, rotation = np.linalg.eigh(moments)
    rotation = rotation.astype(np.float32)
    ones = np.ones((len(matrix), 1), dtype=np.float32)
    rotated = np.hstack([matrix @ rotation, ones])
    weights = np.ones(len(matrix)) if targets.weights is None else targets.weights
    relative = weights / weights[weights > 0].mean()
    return _Problem(
        rotated,
        rotated if held_out is matrix else np.hstack([held_out @ rotation, ones]),
        rotation,
        np.append(np.maximum(spectrum, 0.0), 1.0),
        targets.codes,
        relative.astype(np.float32),
        targets.labels,
        targets.folds,
        targets.selection_rows,
    )


def _choose(problem: _Problem, strength: float, pool: ThreadPoolExecutor) -> tuple[float, dict[int, Matrix]]:
    """Climb from `strength` to the C with the least log loss on the selection traces of a few held-out folds.

    Returns:
        C, and the models of those folds.
    """
    count = int(problem.folds.max()) + 1
    some_folds = range(min(count, max(2, count // SELECTION_SHARE)))
    rows_of = {fold: np.flatnonzero((problem.folds == fold) & problem.selection_rows) for fold in some_folds}
    codes = problem.codes[np.concatenate(list(rows_of.values()))]
    if len(codes) == 0:
        return strength, {}

    def fit(candidate: float, models: dict[int, Matrix]) -> tuple[float, dict[int, Matrix]]:
        fitted = pool.map(partial(_fold, problem, candidate), some_folds, map(models.get, some_folds))
        models = dict(zip(some_folds, fitted, strict=True))
        logits = [problem.held_out[rows] @ models[fold] for fold, rows in rows_of.items()]
        return log_loss(np.concatenate(logits), codes), models

    best, (loss, models) = strength, fit(strength, {})
    for step in (STEP, 1 / STEP):
        origin = best
        while STRENGTHS[0] <= best * step <= STRENGTHS[1]:
            next_loss, next_models = fit(best * step, models)
            if next_loss >= loss:
                break
            best, loss, models = best * step, next_loss, next_models
        if best != origin:
            break
    return best, models


def _block_models(
    problem: _Problem, strength: float, count: int, pool: ThreadPoolExecutor
) -> dict[int, Matrix]:
    """For each fold a model that has not learned from its block of folds."""
    block = np.arange(count) * (count // BLOCK) // count
    of_rows = replace(problem, folds=block[problem.folds])
    models = list(pool.map(lambda each: _fold(of_rows, strength, each, None), range(count // BLOCK)))
    return {fold: models[block[fold]] for fold in range(count)}


def _fold(problem: _Problem, strength: float, fold: int, start: Matrix | None) -> Matrix:
    """Fit on the rows outside of `fold`; [d + 1, labels] for the rotated matrix."""
    folds = problem.folds
    learning_rows = (folds != fold) if folds.max() > 0 else np.ones(len(folds), dtype=np.bool_)
    rows = np.flatnonzero(learning_rows & (problem.weights > 0))
    if len(rows) == 0:  # every trace with a weight is held out
        return np.zeros((problem.matrix.shape[1], problem.labels), dtype=np.float32)
    scale = problem.scale(strength, len(rows))[:, None]
    matrix = problem.matrix[rows]
    matrix *= scale[:, 0]
    penalty = scale**2 / np.float32(strength * len(rows))
    penalty[-1] = 0.0
    shape = (matrix.shape[1], problem.labels)
    loss = partial(_loss, matrix, problem.codes[rows], problem.weights[rows], penalty, shape)
    if start is None:
        ridge = _ridge(problem, rows) / scale
        first = min((sharp * ridge for sharp in SHARPNESS), key=lambda point: loss(point.ravel())[0])
    else:
        first = start / scale
    tolerance = min(TOLERANCE * len(rows), MOST_TOLERANCE)
    options = {"maxiter": ITERATIONS, "maxcor": _MEMORY, "gtol": 0.0, "ftol": tolerance}
    fitted = minimize(loss, first.ravel().astype(np.float64), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(fitted.x.reshape(shape) * scale, dtype=np.float32)


def _ridge(problem: _Problem, rows: NDArray[np.int64]) -> Matrix:
    """About the least-squares fit of the labels' indicators: a start that halves the iterations.

    It is not exact, because the rotation makes columns uncorrelated over all rows, not over these.
    """
    indicators = np.zeros((len(rows), problem.labels), dtype=np.float32)
    indicators[np.arange(len(rows)), problem.codes[rows]] = problem.weights[rows]
    indicators -= indicators.mean(axis=1, keepdims=True)
    moments = problem.matrix[rows].T @ indicators / np.float32(len(rows))
    return np.asarray(moments / (problem.spectrum + RIDGE)[:, None], dtype=np.float32)


def _loss(
    matrix: Matrix,
    codes: NDArray[np.int64],
    weights: Matrix,
    penalty: Matrix,
    shape: tuple[int, int],
    flat: NDArray[np.floating],
) -> tuple[float, NDArray[np.float64]]:
    """Penalised mean log loss and its gradient."""
    model = flat.reshape(shape).astype(np.float32)
    share = matrix @ model
    share -= share.max(axis=1, keepdims=True)
    every = np.arange(len(codes))
    right = share[every, codes].copy()
    np.exp(share, out=share)
    total = share.sum(axis=1)
    value = float(np.dot(weights, np.log(total) - right)) / len(codes)
    share *= (weights / total)[:, None]
    share[every, codes] -= weights
    shrunk = penalty * model
    gradient = matrix.T @ share / np.float32(len(codes)) + shrunk
    return value + 0.5 * float(np.vdot(shrunk, model)), gradient.ravel().astype(np.float64)
