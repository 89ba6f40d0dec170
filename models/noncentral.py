"""Upper tails of two noncentral laws, for tests that tolerate a slight difference.

Both are sums of positive terms, taken in logarithms: no cancellation, and no scipy, which a router would
have to load for them.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_REST = 12.0  # standard deviations of a Poisson variable, beyond which it counts as certain


def chi_square_tail(statistic: float, freedom: int, noncentrality: float) -> float:
    """Chance of at least this statistic under a noncentral chi-square law.

    It is the mixture of central laws with `freedom + 2 j` degrees of freedom, where j is Poisson with mean
    `noncentrality / 2`. A bound on what is left out of the mixture is added.

    Args:
        freedom: degrees of freedom, at least 1.
        noncentrality: at least 0.
    """
    if statistic <= 0.0:
        return 1.0
    mean, half = noncentrality / 2.0, statistic / 2.0
    most = math.ceil(mean + _REST * math.sqrt(mean) + 60.0)
    weights = _poisson(mean, most)
    rest = weights[-1] * mean / (most + 1.0 - mean)
    return float(min(1.0, (weights * _gamma_tails(half, freedom, most)).sum() + rest))


def hypergeometric_tail(least: int, rows: int, marked: int, drawn: int, odds: float) -> float:
    """Chance that at least `least` of the `drawn` rows are marked, by Fisher's noncentral hypergeometric law.

    Args:
        rows: in all; `marked` of them are marked.
        odds: ratio of the odds of a marked row to be drawn to those of another one.
    """
    lowest, highest = max(0, drawn + marked - rows), min(drawn, marked)
    if least <= lowest:
        return 1.0
    if least > highest:
        return 0.0
    count = np.arange(lowest, highest + 1)
    others = rows - marked
    weight = (
        count * math.log(odds)
        - _log_factorials(count)
        - _log_factorials(marked - count)
        - _log_factorials(drawn - count)
        - _log_factorials(others - drawn + count)
    )
    share = np.exp(weight - weight.max())
    return float(share[count >= least].sum() / share.sum())


def _gamma_tails(half: float, freedom: int, most: int) -> NDArray[np.float64]:
    """Chances of more than `2 half` by central laws with `freedom + 2 j` degrees of freedom, j up to `most`.

    Each step of two degrees adds one positive term, from one or two degrees on, where the tail is elementary.
    """
    base = 0.5 if freedom % 2 else 1.0
    first = math.erfc(math.sqrt(half)) if freedom % 2 else math.exp(-half)
    steps = (freedom - 1) // 2 + most
    shapes = base + np.arange(steps)
    terms = np.exp(shapes * math.log(half) - half - _log_gammas(shapes + 1.0))
    tails = np.concatenate([[first], first + np.cumsum(terms)])
    return tails[(freedom - 1) // 2 :]


def _poisson(mean: float, most: int) -> NDArray[np.float64]:
    """Chances of 0 to `most`."""
    if mean == 0.0:
        return np.array([1.0] + [0.0] * most)
    count = np.arange(most + 1)
    chances: NDArray[np.float64] = np.exp(count * math.log(mean) - mean - _log_factorials(count))
    return chances


def _log_factorials(counts: NDArray[Any]) -> NDArray[np.float64]:
    return _log_gammas(counts + 1.0)


def _log_gammas(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.array([math.lgamma(value) for value in values.tolist()])
