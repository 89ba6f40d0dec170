"""Traces with a removed label neither train nor certify, and those before them only train."""

import pytest

from schemas.config import TeacherConfig
from schemas.messages import Teacher
from streams.label_set import LabelSet
from streams.teacher.prompt_hash import prompt_hash
from streams.trainer.trace_labels import NEVER_GIVEN, label_count, offered_labels, with_current_labels
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


@pytest.mark.parametrize(
    ("label", "asked", "knows"),
    [("added", 0, True), ("yes", 0, False), ("yes", NEVER_GIVEN - 1, False), ("yes", NEVER_GIVEN, True)],
)
def test_a_fit_knows_what_was_given_or_could_be(label: str, asked: int, knows: bool) -> None:
    config = TeacherConfig(labels=("no", "yes", "added"))
    before, today = Teacher("m", "before"), Teacher("m", prompt_hash(config))
    traces = [*[trace(teacher=today)] * asked, *[trace(label=label, teacher=before)] * NEVER_GIVEN]
    known = offered_labels({"no", "yes"}, traces, config)
    assert known == (("no", "yes", "added") if knows else ("no", "yes"))
    assert offered_labels(None, traces, config) == config.labels, "where nothing says otherwise"
    assert offered_labels({"no", "yes"}, traces, TeacherConfig()) is None
