"""Blocks of time as folds, and a fit of traces whose order says something."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.fit import Options, TrainingSet, fit
from models.training.time_order import blocks_of_time
from tests.models.conftest import draw_texts, draw_vectors


@given(st.lists(st.integers(0, 40), min_size=20, max_size=200), st.integers(2, 20))
def test_blocks_are_in_order_and_keep_groups_whole(groups: list[int], count: int) -> None:
    keys = np.array(groups)
    blocks = blocks_of_time(keys, count)
    _, first = np.unique(keys, return_index=True)
    assert (np.diff(blocks[np.sort(first)]) >= 0).all()
    assert all(len(set(blocks[keys == key].tolist())) == 1 for key in groups)
    assert 0 <= blocks.min() <= blocks.max() < count


def test_different_rows_are_split_evenly() -> None:
    sizes = np.bincount(blocks_of_time(np.arange(1_003), 10))
    assert sizes.tolist() == [101, 100, 100, 101, 100, 100, 101, 100, 100, 100]


def test_a_sorted_file_is_refused_unless_its_order_says_nothing() -> None:
    features, labels = draw_vectors(900, 0)
    rows = np.argsort(labels, kind="stable")
    everything = np.ones(900, dtype=np.bool_)
    for ordered in (True, False):
        training = TrainingSet(features, labels, everything, ordered=ordered).take(np.arange(900))
        result = fit(
            TrainingSet(
                training.features.take(rows), [labels[row] for row in rows], everything, None, ordered
            ),
            task="t",
            version="v",
            embedder="precomputed",
            targets=(0.9,),
            options=Options(curve=0.0),
        )
        assert (result.artifact is None) is ordered
        assert any("--order none" in reason for reason in result.refused) is ordered


def test_random_order_changes_nothing() -> None:
    features, labels = draw_texts(600, 0)
    everything = np.ones(600, dtype=np.bool_)
    results = [
        fit(
            TrainingSet(features, labels, everything, ordered=ordered),
            task="t",
            version="v",
            targets=(0.9,),
            options=Options(curve=0.0),
        )
        for ordered in (True, False)
    ]
    assert results[0].summary.frontier == results[1].summary.frontier
