"""How today's requests differ from those that a policy was learned from: signals that need no teacher.

They say why agreement may be falling, sooner than audits can, and may bring a refit forward. They prove
nothing about agreement, and never loosen anything. Three histograms that a router keeps cheaply are compared
with the same histograms of the training traces: scores, requests beyond the novelty limit, labels guessed.

A difference that is always there is no drift: the tests allow for a slight one, and ask whether there is
more. Scores and labels: Pearson's statistic of the two rows of counts against a noncentral chi-square, for a
difference of `TOLERATED`, in the scale of the population stability index. Novelty: the exact conditional test
of the odds ratio (Fisher's noncentral hypergeometric) against `TOLERATED_ODDS`. Each gets a third of the
chance of error of a look (Bonferroni): in the mean at most one look at a new window in `windows` is false.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.histograms import Reference, ScoreHistograms, count_scores
from models.noncentral import chi_square_tail, hypergeometric_tail
from models.study import Study

BINS = 10
FEWEST = 500
TOLERATED, TOLERATED_ODDS = 0.1, 2.0
WINDOWS = 1000

_KINDS = 3
_LEAST_EXPECTED = 5.0
_NAMED = 3

Kind = Literal["scores", "novelty", "labels"]


class Signal(Struct, frozen=True):
    """One way in which requests differ from the training traces.

    Attributes:
        kind: which histogram.
        chance: of such a difference, at most, if there were none beyond what is tolerated.
        sentence: what has changed, with figures.
    """

    kind: Kind
    chance: float
    sentence: str


def drift_reference(study: Study) -> Reference:
    """From the sampled traces; scores in bins of about a tenth of them each, fewer where many are alike."""
    rows = np.flatnonzero(study.sampled)
    scores = study.scores[rows].astype(np.float64)
    edges = np.unique(np.quantile(scores, np.arange(1, BINS) / BINS)) if len(rows) else scores
    novel = study.novelty[rows] > study.novelty_limit
    counts = count_scores(edges, len(study.names), study.scores[rows], novel, study.guesses[rows])
    return Reference(tuple(edges.tolist()), counts)


def drift_signals(
    reference: Reference, observed: ScoreHistograms, labels: Sequence[str], windows: float = WINDOWS
) -> tuple[Signal, ...]:
    """What stands out in one window of requests; nothing where there are fewer than `FEWEST` on either side.

    Args:
        observed: of a window that no earlier look has seen.
        labels: of the policy, in its order.
        windows: looks, in the mean and at least, to a false signal.
    """
    before = reference.counts
    if min(before.rows, observed.rows) < FEWEST:
        return ()
    found = (
        Signal("scores", _chance(before.scores, observed.scores), _of_scores(reference, observed)),
        Signal("novelty", _chance_of_novelty(before, observed), _of_novelty(before, observed)),
        Signal("labels", _chance(before.guesses, observed.guesses), _of_labels(before, observed, labels)),
    )
    return tuple(signal for signal in found if signal.chance <= 1.0 / (windows * _KINDS))


def _chance(before: Sequence[int], now: Sequence[int]) -> float:
    """Of rows of counts that differ so much, where those behind them differ by `TOLERATED` at most."""
    rows = _dense(np.array([before, now], dtype=np.float64))
    totals = rows.sum(axis=1, keepdims=True)
    expected = totals * rows.sum(axis=0) / rows.sum()
    statistic = float(((rows - expected) ** 2 / expected).sum())
    freedom, size = rows.shape[1] - 1, float(totals.prod() / totals.sum())
    return chi_square_tail(statistic, freedom, TOLERATED * size) if freedom else 1.0


def _dense(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """With the columns that are too rare for the chi-square law as one, [2, columns]."""
    shares = rows.sum(axis=1).min() / rows.sum()
    rare = rows.sum(axis=0) * shares < _LEAST_EXPECTED
    columns = np.column_stack([rows[:, ~rare], rows[:, rare].sum(axis=1)])
    return columns[:, columns.sum(axis=0) > 0]


def _chance_of_novelty(before: ScoreHistograms, now: ScoreHistograms) -> float:
    novel, rows = before.novel + now.novel, before.rows + now.rows
    return hypergeometric_tail(now.novel, rows, novel, now.rows, TOLERATED_ODDS)


def _of_scores(reference: Reference, now: ScoreHistograms) -> str:
    """Told at the edge where the two distributions are farthest apart (Kolmogorov and Smirnov)."""
    below = np.cumsum(reference.counts.scores)[:-1] / reference.counts.rows
    below_now = np.cumsum(now.scores)[:-1] / now.rows
    if not len(below):
        return "scores are as they were"
    place = int(np.argmax(np.abs(below_now - below)))
    lean = "lower" if below_now[place] > below[place] else "higher"
    return (
        f"scores are {lean} than in training: {below_now[place]:.1%} are below "
        f"{reference.edges[place]:.3f}, where {below[place]:.1%} were"
    )


def _of_novelty(before: ScoreHistograms, now: ScoreHistograms) -> str:
    return (
        f"{now.novel / now.rows:.1%} of the requests are unlike anything learned from, "
        f"where {before.novel / before.rows:.1%} were in training"
    )


def _of_labels(before: ScoreHistograms, now: ScoreHistograms, labels: Sequence[str]) -> str:
    was = np.array(before.guesses) / before.rows
    share = np.array(now.guesses) / now.rows
    moved = np.argsort(-np.abs(share - was), kind="stable")[:_NAMED]
    told = [f"{labels[label]} {was[label]:.1%} to {share[label]:.1%}" for label in moved]
    return f"guesses are of other labels than in training: {', '.join(told)}"
