"""Thresholds of the score: tested from the strictest to the widest, with exact binomial tails.

Learn then Test (Angelopoulos, Bates, Candes, Jordan and Lei 2021), the order of tests fixed before any label
is looked at: thresholds are ranks of the scores. The error budget delta is split over a few starting ranks,
and a test that passes hands its budget on to the next wider one (the fallback procedure, Wiens and Dmitrienko
2005). So one start that fails does not end the search, and after all starts have passed the whole of delta is
in use. The chance that any threshold whose agreement is below the target passes is at most delta.

Exactness: a threshold is the next float above the score of the first row left out. Given that score, the rows
above it are independent draws from the requests that the threshold will answer, so their agreements are
binomial. Ties fall on the same side together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import binomial
from models.sample_size import fewest_trials

STEPS = 400
STARTS = ((0.25, 0.5), (0.45, 0.5))
AMPLE_STARTS = ((0.10, 0.2), (0.25, 0.5), (0.50, 0.3))
FEWEST, AMPLE = 1.5, 20.0


@dataclass(frozen=True, slots=True)
class PassedThreshold:
    """The widest threshold that passed.

    Attributes:
        threshold: lowest score that is answered.
        accepted: gate rows that it answers.
        agreements: answered rows on which the teacher agrees.
    """

    threshold: float
    accepted: int
    agreements: int


def widest_threshold(
    scores: NDArray[np.float32], agrees: NDArray[np.bool_], rows: int, target: float, delta: float
) -> PassedThreshold | None:
    """The widest threshold that passes for `target`; None if none passes.

    Args:
        scores: float32 [m], out of fold, of the gate rows that are eligible.
        agrees: bool [m], the teacher gave the same label.
        rows: number of gate rows, >= m, of which the starting ranks are shares.
        target: agreement to be proven, in (0, 1).
        delta: chance that a threshold below the target passes, in (0, 1).
    """
    ranking = np.argsort(-scores, kind="stable")
    ranked, hits = scores[ranking], np.concatenate([[0], np.cumsum(agrees[ranking])])
    passed, budget = None, 0.0
    for count, share in _plan(ranked, rows, target, delta):
        budget += share
        if budget > 0.0 and binomial.p_value(int(hits[count]), count, target) <= budget:
            passed = PassedThreshold(_threshold_above(ranked, count), count, int(hits[count]))
        else:
            budget = 0.0
    return passed


def _plan(ranked: NDArray[np.float32], rows: int, target: float, delta: float) -> list[tuple[int, float]]:
    """The number of rows that each test accepts, strictest first, and the budget that starts there."""
    if len(ranked) < fewest_trials(target, delta):
        return []
    starts = _starts(len(ranked), rows, target, delta)
    grid = np.linspace(starts[0][0], len(ranked), STEPS).astype(int)
    plan = {_with_ties(ranked, int(count)): 0.0 for count in sorted({*grid, *(count for count, _ in starts)})}
    for count, budget in starts:
        plan[_with_ties(ranked, count)] += budget
    return list(plan.items())


def _starts(accepted: int, rows: int, target: float, delta: float) -> list[tuple[int, float]]:
    """Starting ranks and their budgets, chosen by simulation on vectors of Banking77.

    A small sample has two: a late one for a high target, at whose early ranks a single disagreement fails the
    test, and an early one for a stream of which only the highest scores are good enough.
    """
    least = fewest_trials(target, delta)
    shares = AMPLE_STARTS if rows >= AMPLE * least else STARTS
    shortest = int(np.ceil(FEWEST * least))
    ranks = [min(max(int(share * rows), shortest), accepted) for share, _ in shares]
    return [(rank, weight * delta) for rank, (_, weight) in zip(ranks, shares, strict=True)]


def _with_ties(ranked: NDArray[np.float32], count: int) -> int:
    """`count`, extended by the rows that score the same as the last of them."""
    return int(np.searchsorted(-ranked, -ranked[count - 1], side="right"))


def _threshold_above(ranked: NDArray[np.float32], count: int) -> float:
    """The next float32 above the best score that is left out; 0.0 if none is."""
    return 0.0 if count >= len(ranked) else float(np.nextafter(ranked[count], np.float32(np.inf)))
