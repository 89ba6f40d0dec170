"""The account of one model that was tried: how it does on the traces that judge."""

import numpy as np
from numpy.typing import NDArray

from models.study import CandidateResult

TARGETS = (0.90, 0.95, 0.98)
SMALLEST = 1e-6


def losses(scores: NDArray[np.float32], agrees: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log loss of each score as the probability that the teacher agrees, [n]."""
    right = np.where(agrees, scores, 1.0 - scores).astype(np.float64)
    return np.asarray(-np.log(np.maximum(right, SMALLEST)))


def oracle_threshold(
    scores: NDArray[np.float32], agrees: NDArray[np.bool_], target: float
) -> tuple[float, float]:
    """The widest threshold whose answers agree at least so often, the labels known, and the share it answers.

    Args:
        scores, agrees: [n].

    Returns:
        (infinity, 0.0) where no threshold does.
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.arange(1, len(scores) + 1)
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    good = np.flatnonzero((np.cumsum(agrees[order]) >= target * counts) & last_of_tie)
    if len(good) == 0:
        return float("inf"), 0.0
    return float(scores[order][good[-1]]), float(counts[good[-1]] / len(scores))


def candidate_result(
    surrogate: str,
    acceptor: str,
    family: str,
    agrees: NDArray[np.bool_] | None,
    scores: NDArray[np.float32] | None,
    judges: NDArray[np.bool_],
    *,
    seconds: float,
    outcome: str,
) -> CandidateResult:
    """A trial; `agrees` and `scores` are [n], None for what was not learned; `judges` bool [n]."""
    if agrees is None or scores is None:
        return CandidateResult(surrogate, acceptor, family, 0.0, 0.0, {}, round(seconds, 3), outcome)
    return CandidateResult(
        surrogate=surrogate,
        acceptor=acceptor,
        family=family,
        accuracy=float(agrees.mean()),
        log_loss=float(losses(scores, agrees)[judges].mean()),
        coverage={f"{goal:g}": oracle_threshold(scores[judges], agrees[judges], goal)[1] for goal in TARGETS},
        seconds=round(seconds, 3),
        outcome=outcome,
    )
