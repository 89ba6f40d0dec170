"""Traces with a removed label neither train nor certify, and those before them only train."""

from schemas.config import TeacherConfig
from streams.label_set import LabelSet
from streams.trainer.trace_labels import label_count, with_current_labels
from tests.streams.fakes import trace


def test_traces_before_a_removed_label_only_train() -> None:
    labels = LabelSet.of(TeacherConfig(labels=("yes", "no")))
    traces = [
        trace(f"r{at}", label, replied_at=at) for at, label in enumerate(["yes", "no", "gone", "yes", "no"])
    ]
    kept = with_current_labels(traces, labels)
    assert [(one.id, one.sampled) for one in kept] == [
        ("r0", False),
        ("r1", False),
        ("r3", True),
        ("r4", True),
    ]
    assert with_current_labels(traces, LabelSet((), {})) == traces


def test_a_renamed_label_trains_under_its_new_name() -> None:
    labels = LabelSet.of(TeacherConfig(labels=("ja", "no"), labels_renamed={"yes": "ja"}))
    traces = [trace("r0", "yes"), trace("r1", "no"), trace("r2", "ja")]
    assert [(one.label, one.sampled) for one in with_current_labels(traces, labels)] == [
        ("ja", True),
        ("no", True),
        ("ja", True),
    ]
    assert label_count(traces, labels, {"ja"}) == 2
