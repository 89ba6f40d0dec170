"""Fits are parted among the threads in groups that share products."""

import pytest

from models.surrogates import fold_fits
from models.surrogates.fit_threads import THREADS


@pytest.mark.parametrize("count", [0, 1, 2, 7, 10, 11, 60])
@pytest.mark.parametrize("at_once", [1, 3, 5])
def test_groups_hold_all_folds_and_keep_both_threads_busy(count: int, at_once: int) -> None:
    folds = [(each, each) for each in range(count)]
    groups = fold_fits._groups(folds, at_once)
    assert sorted(each for group in groups for each in group) == folds
    sizes = [len(group) for group in groups]
    assert not sizes or (max(sizes) <= at_once and max(sizes) - min(sizes) <= 1)
    assert len(groups) == count or len(groups) % THREADS == 0
