"""Refits learn less from labels that the teacher doubts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features import Features
from models.fit import fit
from models.policy import Policy
from schemas.config import Config
from schemas.messages import Teacher
from streams.trainer.trace_weights import LEAST, trace_weights
from streams.trainer.window import training_set
from tests.streams.fakes import trace

CONFIDENCES = st.none() | st.floats(0, 1)
TEACHERS = st.sampled_from([None, Teacher("a", "p"), Teacher("b", "p")])


def test_without_a_confidence_there_are_no_weights() -> None:
    assert trace_weights([]) is None
    assert trace_weights([trace("a"), trace("b", teacher=Teacher("m", "p"))]) is None


def test_weights_are_squares_of_confidences() -> None:
    weights = trace_weights([trace("a", confidence=0.9), trace("b"), trace("c", confidence=0.3)])
    assert weights is not None
    assert weights.tolist() == pytest.approx([1.8, 1.0, 0.2])


@given(st.lists(st.tuples(CONFIDENCES, TEACHERS), min_size=1))
def test_no_teacher_outweighs_another(said: list[tuple[float | None, Teacher | None]]) -> None:
    weights = trace_weights([trace(confidence=sure, teacher=teacher) for sure, teacher in said])
    if weights is None:
        assert all(sure is None for sure, _ in said)
        return
    assert weights.min() >= LEAST**2
    for teacher in {teacher for _, teacher in said}:
        own = [weight for weight, (_, each) in zip(weights, said, strict=True) if each == teacher]
        assert np.mean(own) == pytest.approx(1.0)


def test_refits_learn_less_from_doubted_labels() -> None:
    numbers = np.random.default_rng(0)
    right = np.where(numbers.random(800) < 0.5, "yes", "no")
    wrong = (right == "yes") & (numbers.random(800) < 0.6)
    vectors = numbers.standard_normal((800, 8)).astype("<f4")
    vectors[:, 0] += np.where(right == "yes", 6.0, -6.0)

    def share_right(confidence_when_wrong: float) -> float:
        """Of the second half, by what is learned from the first, whose labels are wrong in part."""
        traces = [
            trace(
                f"r{row}",
                "no" if wrong[row] else str(right[row]),
                text=None,
                features=vectors[row].tobytes(),
                confidence=confidence_when_wrong if wrong[row] else 1.0,
            )
            for row in range(400)
        ]
        training = training_set(traces, Config(embedder="precomputed"))
        result = fit(training, task="t", version="v1", embedder="precomputed", targets=(0.5,))
        assert result.artifact is not None
        policy = Policy.open(result.artifact.manifest, result.artifact.graph)
        labels = np.array(policy.manifest.labels)[policy.score(Features(embeddings=vectors[400:])).label]
        return float((labels == right[400:]).mean())

    assert share_right(0.2) > 0.9 > share_right(1.0) + 0.15
