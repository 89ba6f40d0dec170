"""Multinomial logistic regression on a dense matrix, and its out-of-fold logits.

Minimises the weighted mean of the log loss plus |W|^2 / (2 C n), the intercept unpenalised, by L-BFGS
(`models.surrogates.fold_fits`). C is the one with the least out-of-fold log loss on the selection traces.
Without selection traces it follows from the number of traces: the best C on Banking77 is 64 at 10,000, 256 at
1,500, about 500 at 500.

Many folds are fitted in blocks: each starts from a model that has learned from no row of its block, which
halves the seconds.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from models.featurizers.row_blocks import row_blocks
from models.graph.linear import Linear
from models.surrogates.contract import Matrix, TrainingTargets
from models.surrogates.fold_fits import FoldProblem, fit_outside, fold_problem

USUAL_STRENGTH, USUAL_TRACES, STRENGTH_POWER = 64.0, 10_000, 0.7
STRENGTHS = (1.0 / 16, 4096.0)
STEP = 4.0
SELECTION_SHARE = 3
"""One fold in three is fitted to choose C."""
BLOCK, FEWEST_BLOCKS = 5, 2
"""Folds that share a start, and how many blocks of them there are at least."""


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Logits of each row by the fold model that has not learned from it, and the average model.

    Attributes:
        logits: float32 [n, labels].
        model: the average of the fold models.
        strength: the chosen C.
        log_loss: mean out-of-fold log loss at that C.
        models: of the folds.
    """

    logits: Matrix
    model: Linear
    strength: float
    log_loss: float
    models: tuple[Linear, ...] = ()


def usual_strength(rows: int) -> float:
    """The usual C for this number of traces."""
    power = round(np.log(USUAL_STRENGTH * (USUAL_TRACES / rows) ** STRENGTH_POWER) / np.log(STEP))
    return float(np.clip(STEP**power, *STRENGTHS))


def out_of_fold(
    matrix: Matrix,
    held_out: Matrix,
    targets: TrainingTargets,
    threads: Executor,
    strength: float | None = None,
    progress: Callable[[float], None] = lambda _: None,
    starts: Mapping[int, Linear] | None = None,
) -> OutOfFold:
    """Fit every fold at one C, and average.

    Args:
        matrix: float32 [n, d], that a fold learns from.
        held_out: float32 [n, d], that a row is scored by; see `models.featurizers.contract`.
        targets: of the n rows.
        threads: to fit in (`models.surrogates.fit_threads`).
        strength: C where it is known; None to choose it.
        progress: called with the share that is done, in [0, 1].
        starts: for a fold a model to start from, which must not have learned from what the fold holds out.
    """
    problem, count = fold_problem(matrix, targets, threads), int(targets.folds.max()) + 1
    started = {fold: problem.from_linear(start) for fold, start in (starts or {}).items()}
    chosen = usual_strength(len(matrix)) if strength is None else strength
    if strength is None and targets.selection_rows.any():
        chosen, tried = _choose(problem, held_out, targets, chosen, threads, started)
        started |= tried
    progress(0.5)
    if count >= 2 * FEWEST_BLOCKS and not started:
        started = _block_models(problem, chosen, count, threads)
    fitted = fit_outside(problem, chosen, [(fold, fold) for fold in range(count)], started, threads)
    models = [problem.as_linear(model) for model in fitted]
    progress(1.0)
    logits = np.empty((len(matrix), problem.labels), dtype=np.float32)
    for fold, model in enumerate(models):
        rows = np.flatnonzero(targets.folds == fold)
        for block in row_blocks(len(rows), matrix.shape[1] + problem.labels):
            logits[rows[block]] = model.logits(held_out[rows[block]])
    weights = np.mean([model.weights for model in models], axis=0)
    intercept = np.mean([model.intercept for model in models], axis=0)
    loss = log_loss(logits, targets.codes)
    return OutOfFold(logits, Linear(weights, intercept), chosen, loss, tuple(models))


def log_loss(logits: NDArray[np.floating], codes: NDArray[np.int64]) -> float:
    """Mean of -log softmax at the true label."""
    return float(np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(codes)), codes]))


def _choose(
    problem: FoldProblem,
    held_out: Matrix,
    targets: TrainingTargets,
    strength: float,
    threads: Executor,
    started: Mapping[int, Matrix],
) -> tuple[float, dict[int, Matrix]]:
    """Climb from `strength` to the C with the least log loss on the selection traces of a few held-out folds.

    Returns:
        C, and the models of those folds.
    """
    count = int(targets.folds.max()) + 1
    some_folds = range(min(count, max(2, count // SELECTION_SHARE)))
    rows_of = {fold: np.flatnonzero((targets.folds == fold) & targets.selection_rows) for fold in some_folds}
    codes = targets.codes[np.concatenate(list(rows_of.values()))]
    if len(codes) == 0:
        return strength, {}

    def fit(candidate: float, models: Mapping[int, Matrix]) -> tuple[float, dict[int, Matrix]]:
        fitted = fit_outside(problem, candidate, [(fold, fold) for fold in some_folds], models, threads)
        tried = dict(zip(some_folds, fitted, strict=True))
        logits = [problem.as_linear(tried[fold]).logits(held_out[rows]) for fold, rows in rows_of.items()]
        return log_loss(np.concatenate(logits), codes), tried

    best, (loss, models) = strength, fit(strength, started)
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


def _block_models(problem: FoldProblem, strength: float, count: int, threads: Executor) -> dict[int, Matrix]:
    """For each fold a model that has not learned from its block of folds."""
    blocks = np.array_split(np.arange(count), max(count // BLOCK, FEWEST_BLOCKS))
    models = fit_outside(
        problem, strength, [(int(block[0]), int(block[-1])) for block in blocks], {}, threads
    )
    return {int(fold): model for block, model in zip(blocks, models, strict=True) for fold in block}
