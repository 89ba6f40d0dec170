"""Drift signals: how current requests differ from a policy's training traces. They need no teacher.

(The one that needs a teacher, and has it for all that is deferred, is in `models.deferrals`.)

A signal can show why agreement may be falling, earlier than audits can, and it can start a refit earlier. It
proves nothing about agreement, and it never allows more answers. A router keeps three histograms, at little
cost: scores, requests beyond the novelty limit, and guessed labels. They are compared with the same
histograms of the training traces.

A slight difference is always there, so the tests ask whether the difference is larger than a tolerated one.
Scores and labels: Pearson's statistic of the two rows of counts, against a noncentral chi-square for a
difference of `TOLERATED`, in the scale of the population stability index. Novelty: the exact conditional test
of the odds ratio (Fisher's noncentral hypergeometric) against `TOLERATED_ODDS`. Coverage: Chernoff's bound of
the binomial tail beyond what the fit promised at the threshold in force, by `TOLERATED_SHARE`. Each of the
four tests gets a fourth of a window's chance of error (Bonferroni), so on average at most one of `windows`
windows gives a false signal.
"""

import math
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
TOLERATED, TOLERATED_ODDS, TOLERATED_SHARE = 0.1, 2.0, 0.05
WINDOWS = 1000

_KINDS = 4
_LEAST_EXPECTED = 5.0
_NAMED = 3

Kind = Literal["scores", "novelty", "labels", "coverage"]


class Signal(Struct, frozen=True):
    """One way in which requests differ from the training traces.

    Attributes:
        kind: the histogram that differs.
        chance: probability of such a difference, at most, if the true one were within the tolerated.
        sentence: what has changed, with figures.
    """

    kind: Kind
    chance: float
    sentence: str


def drift_reference(study: Study) -> Reference:
    """The reference of a fit: its sampled traces, with scores in at most `BINS` bins of equal counts."""
    rows = np.flatnonzero(study.sampled)
    scores = study.scores[rows].astype(np.float64)
    edges = np.unique(np.quantile(scores, np.arange(1, BINS) / BINS)) if len(rows) else scores
    novel = study.novelty[rows] > study.novelty_limit
    counts = count_scores(edges, len(study.names), study.scores[rows], novel, study.guesses[rows])
    return Reference(tuple(edges.tolist()), counts)


def drift_signals(
    reference: Reference, observed: ScoreHistograms, labels: Sequence[str], windows: float = WINDOWS
) -> tuple[Signal, ...]:
    """Signals of drift in one window; none if the window or the reference has fewer than `FEWEST` requests.

    Args:
        observed: histograms of a window, of requests that were in no earlier one.
        labels: the policy's labels, in its order.
        windows: windows until a false signal, at least and on average.
    """
    before = reference.counts
    if min(before.rows, observed.rows) < FEWEST:
        return ()
    signals = (
        Signal("scores", _chance(before.scores, observed.scores), _scores_sentence(reference, observed)),
        Signal("novelty", _novelty_chance(before, observed), _novelty_sentence(before, observed)),
        Signal(
            "labels", _chance(before.guesses, observed.guesses), _labels_sentence(before, observed, labels)
        ),
    )
    return tuple(signal for signal in signals if signal.chance <= 1.0 / (windows * _KINDS))


def coverage_signal(answered: int, requests: int, promised: float, windows: float = WINDOWS) -> Signal | None:
    """The signal that a version answers far more or less than its fit has promised; None if it does not.

    Args:
        answered: of the requests that were for the version to decide.
        promised: coverage at the threshold in force, in [0, 1].
        windows: as in `drift_signals`.
    """
    if requests < FEWEST:
        return None
    share = answered / requests
    nearest = min(max(share, promised - TOLERATED_SHARE), promised + TOLERATED_SHARE)
    chance = min(1.0, 2.0 * math.exp(-requests * _divergence(share, nearest)))
    sentence = f"the surrogate answers {share:.1%} of the requests, and its fit promised {promised:.1%}"
    return Signal("coverage", chance, sentence) if chance <= 1.0 / (windows * _KINDS) else None


def _divergence(share: float, other: float) -> float:
    """Of a coin that falls with `share` from one with `other` (Kullback and Leibler); may be infinite."""
    terms = ((share, other), (1.0 - share, 1.0 - other))
    if any(one > 0.0 and two <= 0.0 for one, two in terms):
        return math.inf
    return sum(one * math.log(one / two) for one, two in terms if one > 0.0)


def _chance(before: Sequence[int], now: Sequence[int]) -> float:
    """Probability that rows of counts differ this much, where the true ones differ by `TOLERATED` at most."""
    rows = _merge_rare_columns(np.array([before, now], dtype=np.float64))
    totals = rows.sum(axis=1, keepdims=True)
    expected = totals * rows.sum(axis=0) / rows.sum()
    statistic = float(((rows - expected) ** 2 / expected).sum())
    freedom, size = rows.shape[1] - 1, float(totals.prod() / totals.sum())
    return chi_square_tail(statistic, freedom, TOLERATED * size) if freedom else 1.0


def _merge_rare_columns(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The counts with all columns that are too rare for the chi-square law merged into one, [2, columns]."""
    shares = rows.sum(axis=1).min() / rows.sum()
    rare = rows.sum(axis=0) * shares < _LEAST_EXPECTED
    columns = np.column_stack([rows[:, ~rare], rows[:, rare].sum(axis=1)])
    return columns[:, columns.sum(axis=0) > 0]


def _novelty_chance(before: ScoreHistograms, now: ScoreHistograms) -> float:
    novel, rows = before.novel + now.novel, before.rows + now.rows
    return hypergeometric_tail(now.novel, rows, novel, now.rows, TOLERATED_ODDS)


def _scores_sentence(reference: Reference, now: ScoreHistograms) -> str:
    """The sentence names the edge where the two distributions differ most (Kolmogorov and Smirnov)."""
    below = np.cumsum(reference.counts.scores)[:-1] / reference.counts.rows
    below_now = np.cumsum(now.scores)[:-1] / now.rows
    if not len(below):
        return "scores have not changed"
    place = int(np.argmax(np.abs(below_now - below)))
    lean = "lower" if below_now[place] > below[place] else "higher"
    return (
        f"scores are {lean} than in training: {below_now[place]:.1%} are below "
        f"{reference.edges[place]:.3f}, compared with {below[place]:.1%} in training"
    )


def _novelty_sentence(before: ScoreHistograms, now: ScoreHistograms) -> str:
    return (
        f"{now.novel / now.rows:.1%} of the requests are beyond the novelty limit, "
        f"compared with {before.novel / before.rows:.1%} in training"
    )


def _labels_sentence(before: ScoreHistograms, now: ScoreHistograms, labels: Sequence[str]) -> str:
    was = np.array(before.guesses) / before.rows
    share = np.array(now.guesses) / now.rows
    moved = np.argsort(-np.abs(share - was), kind="stable")[:_NAMED]
    changes = [f"{labels[label]} {was[label]:.1%} to {share[label]:.1%}" for label in moved]
    return f"labels are guessed more or less often than in training: {', '.join(changes)}"
