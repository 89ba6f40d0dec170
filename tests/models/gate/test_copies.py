"""A content counts once at the gate, and its copies may still speak against a target."""

import numpy as np

from models.gate.frontier import Sample, frontier_points, refusal_reasons

TARGETS = (0.9,)
EVERY = np.ones(500, dtype=np.bool_)
SCORES = np.linspace(1.0, 0.5, 500, dtype=np.float32)
AGREES = np.arange(500) < 490


def sample(disagreeing_copies: int) -> Sample:
    """500 contents, and more copies of the first, with which the teacher disagrees."""
    copies = disagreeing_copies
    traffic = Sample(
        np.append(SCORES, np.ones(copies, dtype=np.float32)),
        np.append(AGREES, np.zeros(copies, dtype=np.bool_)),
        np.append(EVERY, np.ones(copies, dtype=np.bool_)),
    )
    return Sample(SCORES, AGREES, EVERY, traffic=traffic)


def test_copies_that_disagree_refuse_a_target() -> None:
    assert frontier_points(Sample(SCORES, AGREES, EVERY), TARGETS, 0.05)
    assert frontier_points(sample(20), TARGETS, 0.05)
    assert not frontier_points(sample(500), TARGETS, 0.05)
    (reason,) = refusal_reasons(sample(500), (), TARGETS, 0.05)
    assert "with all copies of their texts the teacher agrees with 49.0% of the answers" in reason


def test_coverage_counts_copies() -> None:
    assert Sample(SCORES, AGREES, EVERY).coverage(0.75) == 0.5
    assert sample(500).coverage(0.75) == 0.75
