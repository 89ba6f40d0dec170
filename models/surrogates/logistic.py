"""Multinomial logistic regression on a dense design, and its out-of-fold logits.

Minimises the weighted mean of the log loss plus |W|^2 / (2 C n), the intercept unpenalised, by L-BFGS. The
design is turned and scaled once so that the problem is well conditioned, which changes the path and not the
minimum. C is the one with the least out-of-fold log loss on the traces that may choose; where there are none,
it follows from the number of traces: Banking77 wants 64 at 10,000, 256 at 1,500 and about 500 at 500.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models.graph.linear import Linear
from models.surrogates.contract import TrainingTargets

USUAL_STRENGTH, USUAL_TRACES, THINNER = 64.0, 10_000, 0.7
STRENGTHS = (1.0 / 16, 4096.0)
STEP = 4.0
JUDGES = 3
THREADS = 2
ITERATIONS = 100
TOLERANCE = 5e-5
CURVATURE = 0.01
RIDGE = 3e-4
SHARPNESS = (1.0, 4.0, 16.0)
_MEMORY = 15

Matrix = NDArray[np.float32]


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
    folds: NDArray[np.int64]
    choosers: NDArray[np.bool_]

    def scale(self, strength: float, rows: int) -> Matrix:
        """Per column, what brings its curvature near to one; the intercept has no penalty."""
        penalty = np.append(np.full(len(self.spectrum) - 1, 1.0 / (strength * rows)), 0.0)
        curvature = CURVATURE * self.spectrum / self.labels
        return np.asarray(1.0 / np.sqrt(curvature + penalty + 1e-9), dtype=np.float32)


def usual_strength(rows: int) -> float:
    """The C that suits so many traces, as far as their number can tell."""
    power = round(np.log(USUAL_STRENGTH * (USUAL_TRACES / rows) ** THINNER) / np.log(STEP))
    return float(np.clip(STEP**power, *STRENGTHS))


def out_of_fold(
    design: Matrix,
    lesson: TrainingTargets,
    strength: float | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> OutOfFold:
    """Fit every fold at one C, and average.

    Args:
        design: float32 [n, d].
        lesson: n traces.
        strength: C where it is known; None to choose it.
        progress: told the share that is done.
    """
    problem = _problem(design, lesson)
    count = int(problem.folds.max()) + 1
    started: dict[int, Matrix] = {}
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        chosen = usual_strength(len(design)) if strength is None else strength
        if strength is None and lesson.choosers.any():
            chosen, started = _choose(problem, chosen, pool)
        progress(0.5)
        each = range(count)
        models = list(pool.map(partial(_fold, problem, chosen), each, map(started.get, each)))
    progress(1.0)
    logits = np.empty((len(design), problem.labels), dtype=np.float32)
    for fold, model in enumerate(models):
        held = problem.folds == fold
        logits[held] = problem.design[held] @ model
    average = np.mean(models, axis=0)
    final = Linear(problem.rotation @ average[:-1], average[-1])
    return OutOfFold(logits, final, chosen, log_loss(logits, problem.codes))


def log_loss(logits: NDArray[np.floating], codes: NDArray[np.int64]) -> float:
    """Mean of -log softmax at the true label."""
    return float(np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(codes)), codes]))


def _problem(design: Matrix, lesson: TrainingTargets) -> _Problem:
    moments = (design.T @ design).astype(np.float64) / len(design)
    spectrum, rotation = np.linalg.eigh(moments)
    turned = rotation.astype(np.float32)
    ones = np.ones((len(design), 1), dtype=np.float32)
    weights = np.ones(len(design)) if lesson.weights is None else lesson.weights
    relative = weights / weights[weights > 0].mean()
    return _Problem(
        np.hstack([design @ turned, ones]),
        turned,
        np.append(np.maximum(spectrum, 0.0), 1.0),
        lesson.codes,
        relative.astype(np.float32),
        lesson.labels,
        lesson.folds,
        lesson.choosers,
    )


def _choose(problem: _Problem, strength: float, pool: ThreadPoolExecutor) -> tuple[float, dict[int, Matrix]]:
    """Climb from `strength` to the C with the least log loss on the choosers of a few held-out folds.

    Returns it and the models of those folds.
    """
    count = int(problem.folds.max()) + 1
    judges = range(min(count, max(2, count // JUDGES)))
    asked = [np.flatnonzero((problem.folds == judge) & problem.choosers) for judge in judges]

    def judged(candidate: float, models: dict[int, Matrix]) -> tuple[float, dict[int, Matrix]]:
        fitted = pool.map(partial(_fold, problem, candidate), judges, map(models.get, judges))
        models = dict(zip(judges, fitted, strict=True))
        said = [problem.design[rows] @ models[judge] for judge, rows in zip(judges, asked, strict=True)]
        return log_loss(np.concatenate(said), problem.codes[np.concatenate(asked)]), models

    best, (loss, models) = strength, judged(strength, {})
    for step in (STEP, 1 / STEP):
        origin = best
        while STRENGTHS[0] <= best * step <= STRENGTHS[1]:
            next_loss, next_models = judged(best * step, models)
            if next_loss >= loss:
                break
            best, loss, models = best * step, next_loss, next_models
        if best != origin:
            break
    return best, models


def _fold(problem: _Problem, strength: float, fold: int, start: Matrix | None) -> Matrix:
    """Fit on the rows outside of `fold`; [d + 1, labels] in the turned design."""
    folds = problem.folds
    learned = (folds != fold) if folds.max() > 0 else np.ones(len(folds), dtype=np.bool_)
    rows = np.flatnonzero(learned & (problem.weights > 0))
    if len(rows) == 0:  # all that counts is held out here
        return np.zeros((problem.design.shape[1], problem.labels), dtype=np.float32)
    scale = problem.scale(strength, len(rows))[:, None]
    design = problem.design[rows]
    design *= scale[:, 0]
    penalty = scale**2 / np.float32(strength * len(rows))
    penalty[-1] = 0.0
    shape = (design.shape[1], problem.labels)
    loss = partial(_loss, design, problem.codes[rows], problem.weights[rows], penalty, shape)
    if start is None:
        fitted = _ridge(problem, rows) / scale
        first = min((sharp * fitted for sharp in SHARPNESS), key=lambda point: loss(point.ravel())[0])
    else:
        first = start / scale
    options = {"maxiter": ITERATIONS, "maxcor": _MEMORY, "gtol": 0.0, "ftol": TOLERANCE}
    found = minimize(loss, first.ravel().astype(np.float64), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(shape) * scale, dtype=np.float32)


def _ridge(problem: _Problem, rows: NDArray[np.int64]) -> Matrix:
    """Nearly the least-squares fit of the labels' indicators: a start that halves the iterations.

    Nearly, because the design was turned so that its columns are uncorrelated over all rows, not these.
    """
    indicators = np.zeros((len(rows), problem.labels), dtype=np.float32)
    indicators[np.arange(len(rows)), problem.codes[rows]] = problem.weights[rows]
    indicators -= indicators.mean(axis=1, keepdims=True)
    moments = problem.design[rows].T @ indicators / np.float32(len(rows))
    return np.asarray(moments / (problem.spectrum + RIDGE)[:, None], dtype=np.float32)


def _loss(
    design: Matrix,
    codes: NDArray[np.int64],
    weights: Matrix,
    penalty: Matrix,
    shape: tuple[int, int],
    flat: NDArray[np.floating],
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
