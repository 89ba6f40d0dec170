"""Folds are random and keep a content together; selection traces are drawn by a hash, gate traces once."""

import numpy as np

from models.features import Features
from models.training import folds

KEYS = folds.keys(Features(texts=[f"trace {n}" for n in range(20_000)]))
ALONE = np.arange(20_000)


def test_folds_are_even_and_know_no_label() -> None:
    fold = folds.assign_folds(np.arange(1_500), 3)
    assert fold.max() + 1 == folds.fold_count(1_500) == 40
    assert set(np.bincount(fold)) <= {37, 38}
    codes = np.repeat(np.arange(5), 300)
    held_out = np.array([np.bincount(codes[fold == number], minlength=5) for number in range(40)])
    assert held_out.std() > 1.5, "a label spread evenly would leave no spread"


def test_few_rows_have_many_folds() -> None:
    assert [folds.fold_count(rows) for rows in (5, 500, 4_000, 100_000)] == [5, 60, 15, 10]


def test_a_refit_holds_a_content_out_with_the_same_fold() -> None:
    early = folds.assign_folds(ALONE[:8_000], 0, KEYS[:8_000])
    late = folds.assign_folds(ALONE, 0, KEYS)
    np.testing.assert_array_equal(early, late[:8_000])
    sizes = np.bincount(late)
    assert len(sizes) == folds.FEWEST_FOLDS
    assert sizes.min() > 1_850
    assert (folds.assign_folds(ALONE, 1, KEYS) == late).mean() < 0.15


def test_each_fold_holds_out_a_tenth_of_the_selection_traces() -> None:
    chosen = folds.selection_rows(np.ones(20_000, dtype=np.bool_), KEYS, ALONE)
    fold = folds.assign_folds(ALONE, 0, KEYS)
    assert np.bincount(fold[chosen], minlength=10).min() > 0.07 * chosen.sum()


def test_copies_share_the_fold_of_the_first_whatever_their_keys() -> None:
    contents = np.arange(20_000) // 2
    fold = folds.assign_folds(contents, 0, KEYS)
    np.testing.assert_array_equal(fold[::2], fold[1::2])


def test_few_contents_are_cut_evenly() -> None:
    contents = np.arange(20_000) % 3
    assert len(np.unique(folds.assign_folds(contents, 0, KEYS))) == 3


def test_rows_of_one_content_share_a_fold() -> None:
    contents = np.random.default_rng(0).integers(0, 300, 900)
    contents = np.unique(contents, return_inverse=True)[1].astype(np.int64)
    fold = folds.assign_folds(contents, 1)
    for content in range(contents.max() + 1):
        assert len(set(fold[contents == content])) == 1


def test_the_gate_counts_a_content_once() -> None:
    contents = np.array([0, 0, 1, 2, 2, 2, 3])
    rows = np.array([True, True, True, False, True, True, False])
    drawn = folds.one_of_each(rows, contents, 0)
    assert not (drawn & ~rows).any()
    assert sorted(contents[drawn]) == [0, 1, 2]


def test_a_tenth_of_the_sampled_select() -> None:
    sampled = np.arange(20_000) % 2 == 0
    chosen = folds.selection_rows(sampled, KEYS, ALONE)
    assert 900 < chosen.sum() < 1100
    assert not (chosen & ~sampled).any()
    assert abs(np.flatnonzero(chosen).mean() / 20_000 - 0.5) < 0.05


def test_no_content_both_selects_and_tests() -> None:
    contents = np.arange(20_000) // 2
    chosen = folds.selection_rows(np.ones(20_000, dtype=np.bool_), KEYS, contents)
    assert (chosen[::2] == chosen[1::2]).all()
    assert chosen.any()


def test_selection_traces_stay_the_same_in_a_refit() -> None:
    sampled = np.ones(20_000, dtype=np.bool_)
    early = folds.selection_rows(sampled[:6000], KEYS[:6000], ALONE[:6000])
    np.testing.assert_array_equal(early, folds.selection_rows(sampled, KEYS, ALONE)[:6000])
    vectors = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    keys = folds.keys(Features(embeddings=vectors))
    np.testing.assert_array_equal(keys[::-1], folds.keys(Features(embeddings=vectors[::-1])))
    assert ((keys >= 0) & (keys < 1)).all()


def test_few_sampled_traces_are_all_gate_traces() -> None:
    sampled = np.arange(20_000) < folds.AMPLE - 1
    assert not folds.selection_rows(sampled, KEYS, ALONE).any()
    sampled[folds.AMPLE - 1] = True
    assert folds.selection_rows(sampled, KEYS, ALONE).sum() > 400
