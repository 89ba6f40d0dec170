"""Choosing between models keeps the gate's error rate, because the gate uses no selection trace."""

import numpy as np
from scipy.stats import binom

from models.gate import thresholds
from models.training import folds

ROUNDS, ROWS, MODELS = 200, 5000, 8
TARGET, DELTA = 0.9, 0.1


def wrong(choose_on_all: bool) -> int:
    """How many of many streams are certified though no model ever agrees more often than just below target.

    Every model has scores of its own that mean nothing. The one is taken that looks best on the traces that
    choose: a tenth of them, or, as nobody should, the very ones that certify.
    """
    generator = np.random.default_rng(5)
    count = 0
    for _ in range(ROUNDS):
        scores = generator.random((MODELS, ROWS)).astype(np.float32)
        agrees = generator.random((MODELS, ROWS)) < TARGET - 0.002
        selection_rows = folds.selection_rows(
            np.ones(ROWS, dtype=np.bool_), generator.random(ROWS), np.arange(ROWS)
        )
        judges = ~selection_rows if choose_on_all else selection_rows
        looks = [accepted(scores[m, judges], agrees[m, judges]) for m in range(MODELS)]
        best = int(np.argmax(looks))
        rows = ~selection_rows
        count += accepted(scores[best, rows], agrees[best, rows]) > 0
    return count


def accepted(scores: np.ndarray, agrees: np.ndarray) -> int:
    passed = thresholds.widest_threshold(scores, agrees, len(scores), TARGET, DELTA)
    return 0 if passed is None else passed.accepted


def test_choosing_a_model_keeps_the_error_rate() -> None:
    assert wrong(choose_on_all=False) <= binom.ppf(0.999, ROUNDS, DELTA)


def test_choosing_on_gate_traces_breaks_it() -> None:
    assert wrong(choose_on_all=True) > binom.ppf(0.999, ROUNDS, DELTA)
