"""Forecast: resamples tie only where the traces do."""

import numpy as np

from models.forecast.forecast import _scores_of_draws


def test_copies_of_a_drawn_trace_do_not_tie() -> None:
    generator = np.random.default_rng(0)
    scores = generator.random(400).astype(np.float32)
    scores[:100] = np.round(scores[:100], 1)
    tied = np.isin(scores, scores[:100])
    assert 0 < tied.sum() < 400
    for _ in range(20):
        rows = generator.integers(400, size=400)
        ranks = _scores_of_draws(scores, rows, generator)
        order = np.argsort(ranks, kind="stable")
        assert (np.diff(scores[rows][order]) >= 0.0).all(), "the order of the scores stays"
        assert len(np.unique(ranks)) == (~tied[rows]).sum() + len(np.unique(scores[rows][tied[rows]]))
        for score in np.unique(scores[rows][tied[rows]]):
            assert len(np.unique(ranks[scores[rows] == score])) == 1
