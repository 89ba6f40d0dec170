"""Multinomial logistic regression on a dense design, and its out-of-fold logits.

Minimises the weighted mean of the log loss plus |W|^2 / (2 C n), the intercept unpenalised, by L-BFGS. The
design is turned and scaled once so that the problem is well conditioned, which changes the path and not the
minimum. C is the one with the least out-of-fold log loss.

What is deployed is the average of the fold models, the model that the out-of-fold scores stand for.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

STRENGTHS = tuple(float(4.0**power) for power in range(-1, 6))
THREADS = 2
ITERATIONS = 100
TOLERANCE = 1e-5
_MEMORY = 10

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Linear:
    """logits = x @ weights + intercept.

    Attributes:
        weights: float32 [d, labels].
        intercept: float32 [labels].
    """

    weights: Matrix
    intercept: Matrix

    def logits(self, design: Matrix) -> Matrix:
        return design @ self.weights + self.intercept


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What the fold models make of the rows they have not seen.

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
    """The turned design (with a column of ones last), targets and weights; what all folds share."""

    design: Matrix
    rotation: Matrix
    spectrum: NDArray[np.float64]
    codes: NDArray[np.int64]
    weights: Matrix
    labels: int

    def scale(self, strength: float, rows: int) -> Matrix:
        """Per column, what brings its curvature near to one; the intercept has no penalty."""
        penalty = np.append(np.full(len(self.spectrum) - 1, 1.0 / (strength * rows)), 0.0)
        curvature = self.spectrum / self.labels
        return (1.0 / np.sqrt(curvature + penalty + 1e-9)).astype(np.float32)


def out_of_fold(
    design: Matrix,
    codes: NDArray[np.int64],
    labels: int,
    folds: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
    strengths: tuple[float, ...] = STRENGTHS,
    progress: Callable[[float], None] = lambda _: None,
) -> OutOfFold:
    """Choose C, fit every fold at it, and average.

    Args:
        design: float32 [n, d].
        codes: [n] label of each row, 0..labels-1.
        folds: [n] fold of each row.
        weights: [n] how much each row counts in learning.
        strengths: candidates for C, ascending.
        progress: told the share that is done.
    """
    problem = _problem(design, codes, labels, weights)
    count = int(folds.max()) + 1
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        strength, started = _choose(problem, folds, strengths, pool)
        progress(0.5)
        models = list(
            pool.map(lambda fold: _fold(problem, folds, fold, strength, started.get(fold)), range(count))
        )
    progress(1.0)
    logits = np.empty((len(design), labels), dtype=np.float32)
    for fold, model in enumerate(models):
        held = folds == fold
        logits[held] = problem.design[held] @ model
    average = np.mean(models, axis=0)
    final = Linear(problem.rotation @ average[:-1], average[-1])
    return OutOfFold(logits, final, strength, log_loss(logits, codes))


def log_loss(logits: NDArray[np.floating], codes: NDArray[np.int64]) -> float:
    """Mean of -log softmax at the true label."""
    return float(np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(codes)), codes]))


def _problem(
    design: Matrix, codes: NDArray[np.int64], labels: int, weights: NDArray[np.float64] | None
) -> _Problem:
    moments = (design.T @ design).astype(np.float64) / len(design)
    spectrum, rotation = np.linalg.eigh(moments)
    turned = rotation.astype(np.float32)
    ones = np.ones((len(design), 1), dtype=np.float32)
    relative = np.ones(len(design)) if weights is None else weights / weights.mean()
    return _Problem(
        np.hstack([design @ turned, ones]),
        turned,
        np.append(np.maximum(spectrum, 0.0), 1.0),
        codes,
        relative.astype(np.float32),
        labels,
    )


def _choose(
    problem: _Problem, folds: NDArray[np.int64], strengths: tuple[float, ...], pool: ThreadPoolExecutor
) -> tuple[float, dict[int, Matrix]]:
    """The C with the least log loss on two held-out folds, and the models of those folds at it."""
    judges = range(min(2, int(folds.max()) + 1))
    best, best_loss, best_models = strengths[0], np.inf, dict[int, Matrix]()
    models: dict[int, Matrix] = {}
    for strength in strengths:
        fitted = pool.map(lambda fold, c=strength: _fold(problem, folds, fold, c, models.get(fold)), judges)
        models = dict(zip(judges, fitted, strict=True))
        losses = [log_loss(problem.design[folds == j] @ models[j], problem.codes[folds == j]) for j in judges]
        if np.mean(losses) > best_loss:
            break
        best, best_loss, best_models = strength, float(np.mean(losses)), models
    return best, best_models


def _fold(
    problem: _Problem, folds: NDArray[np.int64], fold: int, strength: float, start: Matrix | None
) -> Matrix:
    """Fit on the rows outside of `fold`; [d + 1, labels] in the turned design."""
    rows = np.flatnonzero(folds != fold) if folds.max() > 0 else np.arange(len(folds))
    scale = problem.scale(strength, len(rows))[:, None]
    design = problem.design[rows] * scale[:, 0]
    penalty = scale**2 / np.float32(strength * len(rows))
    penalty[-1] = 0.0
    shape = (design.shape[1], problem.labels)
    first = np.zeros(shape, dtype=np.float32) if start is None else start / scale
    loss = partial(_loss, design, problem.codes[rows], problem.weights[rows], penalty, shape)
    options = {"maxiter": ITERATIONS, "maxcor": _MEMORY, "gtol": 0.0, "ftol": TOLERANCE}
    found = minimize(loss, first.ravel().astype(np.float64), jac=True, method="L-BFGS-B", options=options)
    return (found.x.reshape(shape) * scale).astype(np.float32)  # type: ignore[no-any-return]


def _loss(
    design: Matrix,
    codes: NDArray[np.int64],
    weights: Matrix,
    penalty: Matrix,
    shape: tuple[int, int],
    flat: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64]]:
    """Penalised mean log loss and its gradient."""
    model = flat.reshape(shape).astype(np.float32)
    share = design @ model
    share -= share.max(axis=1, keepdims=True)
    every = np.arange(len(codes))
    right = share[every, codes].copy()
    np.exp(share, out=share)
    total = share.sum(axis=1)
    value = float(np.dot(weights, np.log(total) - right)) / len(codes)
    share *= (weights / total)[:, None]
    share[every, codes] -= weights
    shrunk = penalty * model
    gradient = design.T @ share / np.float32(len(codes)) + shrunk
    return value + 0.5 * float(np.vdot(shrunk, model)), gradient.ravel().astype(np.float64)
