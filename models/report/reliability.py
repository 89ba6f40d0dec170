"""Reliability of scores: the score as a probability against the agreement that was observed."""

import numpy as np
from msgspec import Struct

from models import binomial
from models.study import Study

EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
LEVEL = 0.05


class Bin(Struct, frozen=True):
    """Tested traces with similar scores.

    Attributes:
        begin, end: scores from, and up to.
        rows: how many, at least 1.
        score: their mean, in [0, 1].
        agreement: share of them on which the teacher agrees.
        low, high: exact two-sided 95 % bounds of it (Clopper and Pearson 1934).
    """

    begin: float
    end: float
    rows: int
    score: float
    agreement: float
    low: float
    high: float


def reliability(study: Study) -> tuple[Bin, ...]:
    """The bins that are not empty, lowest first; narrower where thresholds usually lie."""
    scores, agrees = study.scores[study.gate_rows].astype(np.float64), study.agrees[study.gate_rows]
    places = np.clip(np.searchsorted(EDGES, scores, side="right") - 1, 0, len(EDGES) - 2)
    return tuple(
        _bin(place, scores[places == place], agrees[places == place])
        for place in range(len(EDGES) - 1)
        if np.any(places == place)
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Mean distance of score and agreement over the bins, weighted by traces (ECE, Naeini et al. 2015)."""
    rows = sum(each.rows for each in bins)
    return sum(each.rows * abs(each.score - each.agreement) for each in bins) / rows if rows else 0.0


def _bin(place: int, scores: np.ndarray, agrees: np.ndarray) -> Bin:
    rows, hits = len(scores), int(agrees.sum())
    return Bin(
        begin=EDGES[place],
        end=EDGES[place + 1],
        rows=rows,
        score=float(scores.mean()),
        agreement=hits / rows,
        low=binomial.lower(hits, rows, LEVEL / 2),
        high=binomial.upper(hits, rows, LEVEL / 2),
    )
