"""Exchangeability over time: whether the order in which the certifying traces came says anything of them.

The gate's binomial tails hold for traces that are exchangeable: any order of them is as likely as any other.
Traces sorted by label, labels that come in bursts, and new labels are not. Three tests look at it.

Labels: ten blocks of time are compared by Pearson's statistic of their label counts, against random orders of
the same labels (a permutation test, ended early where it can't reach its level any more: Besag and Clifford
1991). Divided by its mean over all orders, the statistic is the design effect of the label frequencies (Rao
and Scott 1981): about 1 in random order, about the mean length of the bursts where labels come in bursts. A
dependence alone refuses nothing, since real traffic is seldom free of it. It makes the estimate careful:
whole blocks of time are held out, so that no trace is scored by a model that has learned from its neighbours
in time, and only as many traces test thresholds as there are bursts, evenly spread over the time.

New labels: of the newest fifth, the share whose label has fewer than three traces before, in excess of what
random orders have, must not be more than the disagreements that a target allows.

Agreement: of the newest fifth of the gate traces, those that a threshold answers must not refute its target
at level .05. In random order that refuses a threshold which has just passed on all traces together in .34 %
of the cases at most (hypergeometric tails, 500 to 20,000 traces): its agreement there is above the target.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import random_table

from models.gate.time_dependence import INDEPENDENT, LEVEL, NEWEST, TimeDependence

BLOCKS = 10
FEWEST_OLDER = 3
ORDERS = 2_000
_AT_ONCE = 100
_ENOUGH = 10
_ROUNDING = 1e-9


def label_dependence(labels: NDArray[np.object_], seed: int) -> TimeDependence:
    """How these labels, [n], oldest first, depend on time."""
    size, codes = len(labels), np.unique(labels, return_inverse=True)[1]
    if size < 2 * BLOCKS or not codes.any():
        return INDEPENDENT
    generator = np.random.default_rng(seed)
    table = _counts(codes, np.arange(size) * BLOCKS // size)
    statistic, p_value, mean = _against_orders(table, _distances, generator)
    found = TimeDependence(p_value, statistic / mean)
    thinned = codes[found.independent(np.ones(size, dtype=np.bool_))]
    if len(thinned) < BLOCKS:
        return found
    newest = np.arange(len(thinned)) >= len(thinned) * (1.0 - NEWEST)
    share, p_value, mean = _against_orders(_counts(thinned, newest), _shares_of_newcomers, generator)
    return replace(found, newcomers=share - mean if p_value <= LEVEL else 0.0)


def _counts(codes: NDArray[np.int64], blocks: NDArray[np.generic]) -> NDArray[np.int64]:
    """Rows of each block and label, [blocks, labels], without labels that no row has."""
    labels, codes = np.unique(codes, return_inverse=True)
    cells = blocks.astype(np.int64) * len(labels) + codes
    return np.bincount(cells, minlength=(int(blocks.max()) + 1) * len(labels)).reshape(-1, len(labels))


def _against_orders(
    table: NDArray[np.int64],
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    generator: np.random.Generator,
) -> tuple[float, float, float]:
    """A statistic of the counts, its p-value against random orders, and its mean over them."""
    orders = random_table(table.sum(axis=1), table.sum(axis=0))
    value, drawn = float(statistic(table[None])[0]), np.empty(0)
    least = value * (1.0 - _ROUNDING)
    while len(drawn) < ORDERS and (drawn >= least).sum() < _ENOUGH:
        drawn = np.append(drawn, statistic(orders.rvs(_AT_ONCE, random_state=generator)))
    return value, float((drawn >= least).sum() + 1) / (len(drawn) + 1), float(drawn.mean())


def _distances(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Pearson's statistic of tables with the same margins, [tables, blocks, labels]."""
    rows, columns = tables[0].sum(axis=1), tables[0].sum(axis=0)
    expected = rows[:, None] * (columns / rows.sum())
    return np.asarray((tables**2 / expected).sum(axis=(1, 2)) - rows.sum())


def _shares_of_newcomers(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the newest rows whose label is hardly in the older ones, of tables [tables, 2, labels]."""
    older, newest = tables[:, 0], tables[:, 1]
    return np.asarray((newest * (older < FEWEST_OLDER)).sum(axis=1) / newest.sum(axis=1))
