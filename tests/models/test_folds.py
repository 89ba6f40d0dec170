"""Folds are even; choosers are drawn by chance, from the sampled alone, and only where there are enough."""

import numpy as np

from models import folds


def test_folds_spread_every_label_evenly() -> None:
    codes = np.repeat(np.arange(5), 40)
    fold = folds.assign(codes, 3)
    counts = np.array([[np.sum((codes == code) & (fold == f)) for f in range(20)] for code in range(5)])
    assert (counts == 2).all()


def test_choosers_are_a_tenth_of_the_sampled_and_none_of_the_others() -> None:
    sampled = np.arange(20_000) % 2 == 0
    chosen = folds.choosers(sampled, 0)
    assert chosen.sum() == 1000
    assert not (chosen & ~sampled).any()
    assert abs(np.flatnonzero(chosen).mean() / 20_000 - 0.5) < 0.05
    np.testing.assert_array_equal(chosen, folds.choosers(sampled, 0))


def test_few_sampled_traces_all_certify() -> None:
    sampled = np.arange(20_000) < folds.AMPLE - 1
    assert not folds.choosers(sampled, 0).any()
    sampled[folds.AMPLE - 1] = True
    assert folds.choosers(sampled, 0).sum() == folds.LEAST_CHOOSING
