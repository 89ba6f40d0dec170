"""Metrics of a candidate: log loss, accuracy, and coverage at the oracle threshold."""

import numpy as np
from numpy.typing import NDArray

from models.study import CandidateResult

METRIC_TARGETS = (0.90, 0.95, 0.98)
SMALLEST = 1e-6


def losses(scores: NDArray[np.float32], agrees: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log loss of each score as the probability that the teacher agrees, [n]."""
    likelihoods = np.where(agrees, scores, 1.0 - scores).astype(np.float64)
    return np.asarray(-np.log(np.maximum(likelihoods, SMALLEST)))


def oracle_threshold(
    scores: NDArray[np.float32], agrees: NDArray[np.bool_] | NDArray[np.float32], target: float
) -> tuple[float, float]:
    """Oracle threshold: the lowest cut-off that reaches `target` on labelled rows, and its coverage.

    Args:
        scores: float32 [n].
        agrees: bool [n], or how often each agrees, in [0, 1].
        target: agreement, in (0, 1).

    Returns:
        (infinity, 0.0) if no threshold reaches it.
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.arange(1, len(scores) + 1)
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    reaching = np.flatnonzero((np.cumsum(agrees[order], dtype=np.float64) >= target * counts) & last_of_tie)
    if len(reaching) == 0:
        return float("inf"), 0.0
    return float(scores[order][reaching[-1]]), float(counts[reaching[-1]] / len(scores))


def candidate_result(
    surrogate: str,
    acceptor: str,
    family: str,
    agrees: NDArray[np.bool_] | None,
    scores: NDArray[np.float32] | None,
    rows: NDArray[np.bool_],
    *,
    seconds: float,
    outcome: str,
) -> CandidateResult:
    """The metrics of one candidate.

    Args:
        agrees, scores: [n]; None for a candidate that was not learned.
        rows: bool [n], the traces that log loss and coverage are of.
    """
    if agrees is None or scores is None:
        return CandidateResult(surrogate, acceptor, family, 0.0, 0.0, {}, round(seconds, 3), outcome)
    return CandidateResult(
        surrogate=surrogate,
        acceptor=acceptor,
        family=family,
        accuracy=float(agrees.mean()),
        log_loss=float(losses(scores, agrees)[rows].mean()),
        coverage={
            f"{target:g}": oracle_threshold(scores[rows], agrees[rows], target)[1]
            for target in METRIC_TARGETS
        },
        seconds=round(seconds, 3),
        outcome=outcome,
    )
