"""Accuracy counts each request once, for whoever answered it, under the labels of today."""

from infra.serve.accuracy import TaskAccuracy, accuracy_of
from schemas.config import TeacherConfig
from schemas.messages import Feedback
from streams.label_set import LabelSet


def told(truth: str, answered: str | None, source: str | None = "surrogate") -> Feedback:
    return Feedback("r", "t", truth, 5, answered, source)  # type: ignore[arg-type]


def test_right_answers_are_counted_by_who_gave_them() -> None:
    labels = LabelSet.of(TeacherConfig(labels=("new", "b"), labels_renamed={"old": "new"}))
    feedback = [
        told("b", "b"),
        told("new", "old"),
        told("b", "new"),
        told("b", "b", "teacher"),
        told("b", "new", "teacher"),
        told("b", None, None),
    ]
    assert accuracy_of(feedback, labels) == TaskAccuracy(3, 2, 2, 1, 1)
    assert accuracy_of([], labels) == TaskAccuracy()
