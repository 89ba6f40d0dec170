"""A content counts once at the gate, and its copies may still speak against a target."""

import numpy as np

from models.gate.frontier import Sample, frontier_points, refusal_reasons

TARGETS = (0.9,)


def sample(copies: np.ndarray | None) -> Sample:
    """500 contents of equal eligibility, of which the last ten disagree and score lowest."""
    scores = np.linspace(1.0, 0.5, 500, dtype=np.float32)
    agrees = np.arange(500) < 490
    return Sample(scores, agrees, np.ones(500, dtype=np.bool_), copies=copies)


def test_copies_that_disagree_refuse_a_target() -> None:
    copies = np.where(np.arange(500) < 490, 1, 100)
    assert frontier_points(sample(None), TARGETS, 0.05)
    assert frontier_points(sample(np.ones(500, dtype=np.int64)), TARGETS, 0.05)
    assert not frontier_points(sample(copies), TARGETS, 0.05)
    (reason,) = refusal_reasons(sample(copies), (), TARGETS, 0.05)
    assert "with their copies the teacher agrees with 32.9% of the answers" in reason


def test_coverage_counts_copies() -> None:
    counted = sample(np.where(np.arange(500) < 250, 3, 1))
    assert counted.coverage(0.75) == 0.75
    assert sample(None).coverage(0.75) == 0.5
    assert counted.take(np.arange(250)).coverage(0.75) == 1.0
