"""Folds are even; selection traces are drawn by a hash from enough sampled traces, and from no others."""

import numpy as np

from models.features import Features
from models.training import folds

KEYS = folds.keys(Features(texts=[f"trace {n}" for n in range(20_000)]))


def test_folds_spread_every_label_evenly() -> None:
    codes = np.repeat(np.arange(5), 40)
    fold = folds.assign_folds(codes, 3)
    counts = np.array([[np.sum((codes == code) & (fold == f)) for f in range(20)] for code in range(5)])
    assert (counts == 2).all()


def test_a_tenth_of_the_sampled_select() -> None:
    sampled = np.arange(20_000) % 2 == 0
    chosen = folds.selection_rows(sampled, KEYS)
    assert 900 < chosen.sum() < 1100
    assert not (chosen & ~sampled).any()
    assert abs(np.flatnonzero(chosen).mean() / 20_000 - 0.5) < 0.05


def test_selection_traces_stay_the_same_in_a_refit() -> None:
    sampled = np.ones(20_000, dtype=np.bool_)
    early = folds.selection_rows(sampled[:6000], KEYS[:6000])
    np.testing.assert_array_equal(early, folds.selection_rows(sampled, KEYS)[:6000])
    vectors = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    keys = folds.keys(Features(embeddings=vectors))
    np.testing.assert_array_equal(keys[::-1], folds.keys(Features(embeddings=vectors[::-1])))
    assert ((keys >= 0) & (keys < 1)).all()


def test_few_sampled_traces_are_all_gate_traces() -> None:
    sampled = np.arange(20_000) < folds.AMPLE - 1
    assert not folds.selection_rows(sampled, KEYS).any()
    sampled[folds.AMPLE - 1] = True
    assert folds.selection_rows(sampled, KEYS).sum() > 400
