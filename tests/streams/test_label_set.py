"""Labels that change: a removed one is not allowed, a new one unknown, a renamed one stays the same."""

import pytest

from schemas.config import TeacherConfig
from schemas.messages import Answer, Guess
from streams.label_set import LabelSet, known_labels
from streams.teacher.prompt_hash import prompt_hash
from tests.streams.fakes import manifest, trace

RENAMED = LabelSet.of(TeacherConfig(labels=("money back", "track"), labels_renamed={"refund": "money back"}))


def test_a_removed_label_is_not_allowed() -> None:
    labels = LabelSet.of(TeacherConfig(labels=("yes",)))
    assert [labels.allows(label) for label in ("yes", "no")] == [True, False]
    assert labels.removed_of(manifest()) == {"no"}
    assert LabelSet.of(TeacherConfig()).removed_of(manifest()) == frozenset(), "any label is allowed"


def test_a_label_that_was_never_offered_is_new() -> None:
    labels = LabelSet.of(TeacherConfig(labels=("no", "yes", "rare", "added")))
    assert labels.new_to(known_labels(manifest(offered=("no", "yes", "rare")))) == ("added",)
    assert labels.new_to(known_labels(manifest())) == (), "an earlier release does not say"


def test_a_renamed_label_is_known_and_allowed() -> None:
    old = manifest(labels=("refund", "track"), offered=("refund", "track"))
    assert RENAMED.new_to(known_labels(old)) == ()
    assert RENAMED.removed_of(old) == frozenset()
    assert all(map(RENAMED.allows, ("refund", "money back", "track")))


def test_a_trace_gets_the_names_of_today() -> None:
    guess, shadow = Guess("refund", 0.9, 0.1, "v1"), Guess("track", 0.9, 0.1, "v2")
    old = trace(label="refund", guess=guess, shadow=shadow, first=Answer("refund"))
    new = RENAMED.current_trace(old)
    assert new.guess is not None
    assert new.first is not None
    assert (new.label, new.guess.label, new.first.label) == ("money back",) * 3
    assert new.shadow == shadow
    other = trace(label="track")
    assert RENAMED.current_trace(other) is other


@pytest.mark.parametrize(
    ("labels", "renamed", "same"),
    [
        (("a", "b"), {}, True),
        (("c", "b"), {"a": "c"}, True),
        (("d", "b"), {"a": "d", "c": "d"}, True),
        (("a",), {}, False),
        (("a", "b", "c"), {}, False),
        (("c", "b"), {}, False),
        (("c",), {"a": "c", "b": "c"}, False),
    ],
)
def test_only_a_new_name_keeps_the_teacher(
    labels: tuple[str, ...], renamed: dict[str, str], same: bool
) -> None:
    before, after = TeacherConfig(labels=("a", "b")), TeacherConfig(labels=labels, labels_renamed=renamed)
    assert (prompt_hash(before) == prompt_hash(after)) is same
