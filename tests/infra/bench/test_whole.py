import numpy as np

from infra.bench.whole import widest_coverage


def test_hindsight_finds_the_widest_threshold() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.0], dtype=np.float32)
    agrees = np.array([True, False, True, True, True])
    assert widest_coverage(scores, agrees, 0.75) == 0.8
    assert widest_coverage(scores, agrees, 0.8) == 0.2
    assert widest_coverage(scores, ~agrees, 0.99) == 0.0


def test_hindsight_answers_ties_together() -> None:
    scores = np.array([0.5, 0.5, 0.5, 0.5], dtype=np.float32)
    assert widest_coverage(scores, np.array([True, True, True, False]), 0.9) == 0.0
