"""Of each label is said what its fit and its audits say, why it is not answered, and what contradicts it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.certificate import Certificate
from models.study import LabelStats
from schemas.config import TeacherConfig
from schemas.messages import Guess, Reason, Trace
from streams.dashboard.requests.newest_traces import FoundTraces
from streams.dashboard.versions.labels_view import LabelFacts, labels_view
from streams.dashboard.versions.suspects_view import MOST_PAIRS, MOST_SUSPECTS, suspects_view
from streams.label_set import LabelSet
from tests.streams.dashboard.asked import trace
from tests.streams.fakes import manifest

STATS = (
    LabelStats("no", 60, 30, 30, 0.88, 1.0),
    LabelStats("yes", 40, 20, 18, 0.68, 0.99, confused_with="no"),
    LabelStats("rare", 3, 0, 0, 0.0, 1.0, blocked="too few traces"),
)


def facts(teacher: TeacherConfig | None = None, **given_: Any) -> LabelFacts:
    fields: dict[str, Any] = {
        "manifest": manifest(labels=("no", "yes", "rare"), blocked=("rare",), accounts=STATS),
        "label_set": LabelSet.of(teacher or TeacherConfig()),
        "counts": {"yes": Certificate(40, 37), "no": Certificate(90, 90)},
        "by_audits": frozenset(),
        "new_labels": (),
    }
    return LabelFacts(**(fields | given_))


def test_labels_with_disagreements_come_first_then_blocked_ones() -> None:
    view = labels_view(facts())
    assert [one.label for one in view.labels] == ["yes", "rare", "no"]
    yes, rare, no = view.labels
    assert yes.audits is not None
    assert (yes.audits.audits, yes.audits.agreements, yes.fitted, yes.confused_with) == (
        40,
        37,
        (20, 18),
        "no",
    )
    assert yes.audits.low < 37 / 40 < yes.audits.high
    assert (rare.audits, rare.blocked, rare.low) == (None, "too few traces", None)
    assert (no.blocked, no.traces, view.version, view.all_labels) == ("", 60, "v1", 3)


def test_a_label_that_is_blocked_or_removed_says_by_whom() -> None:
    teacher = TeacherConfig(labels=("sure", "rare", "new"), labels_renamed={"yes": "sure"})
    counts = {"yes": Certificate(40, 37), "sure": Certificate(2, 2)}
    view = labels_view(facts(teacher, counts=counts, by_audits=frozenset({"yes"}), new_labels=("new",)))
    why = {one.label: one.blocked for one in view.labels}
    assert why["sure"] == "audits speak against it"
    switched = labels_view(facts(teacher, by_audits=frozenset({"yes"}), never_answer=("sure",)))
    assert {one.label: one.blocked for one in switched.labels}["sure"].startswith("an operator has switched")
    assert switched.never_answer == ("sure",)
    assert why["no"] == "it is no longer in `teacher.labels`"
    assert "yes" not in why, "labels have their names of today"
    (sure,) = (one.audits for one in view.labels if one.label == "sure")
    assert sure is not None
    assert (sure.audits, sure.agreements) == (42, 39), "audits of both names count"
    assert view.new_labels == ("new",)
    off = labels_view(facts(teacher, never_answer=("yes",)))
    assert {one.label: one.blocked for one in off.labels}["sure"] == "an operator has switched it off"
    assert (off.never_answer, off.as_set) == (("sure",), ("yes",))


def test_without_statistics_of_the_fit_the_audits_are_shown() -> None:
    view = labels_view(facts(manifest=manifest()))
    assert {one.label: one.traces for one in view.labels} == {"yes": None, "no": None}


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    score, text = draw(st.floats(0.0, 1.0)), draw(st.none() | st.text(max_size=600))
    return trace(
        draw(st.text(min_size=1, max_size=9)),
        draw(st.sampled_from(["yes", "no", "other"])),
        audit=draw(st.booleans()),
        text=text,
        guess=draw(st.none() | st.just(Guess("yes", score, 0.1, "v1"))),
        reason=draw(st.sampled_from([Reason.AUDIT, Reason.BUDGET, Reason.LOW_SCORE])),
    )


@given(st.lists(traces(), max_size=60))
def test_suspects_are_audited_answers_that_disagree_the_surest_first(given_: list[Trace]) -> None:
    view = suspects_view(FoundTraces(given_, 99))
    wrong = [
        one for one in given_ if one.checks_answer and one.guess is not None and one.guess.label != one.label
    ]
    assert view.disagreements == len(wrong)
    assert len(view.suspects) == min(len(wrong), MOST_SUSPECTS)
    scores = [one.score for one in view.suspects]
    assert scores == sorted(scores, reverse=True)
    assert all(one.text is None or len(one.text) <= 400 for one in view.suspects)
    assert len(view.pairs) <= MOST_PAIRS
    assert all(0 < one.traces <= one.of and one.guess != one.teacher for one in view.pairs)
    assert (view.traces, view.looked_at) == (len(given_), 99)


def test_pairs_count_deferred_guesses_too() -> None:
    found = [trace("a", "no"), trace("b", "no", audit=False), trace("c", "yes"), trace("d", "x", guess=None)]
    (pair,) = suspects_view(FoundTraces(found, 4)).pairs
    assert (pair.guess, pair.teacher, pair.traces, pair.of) == ("yes", "no", 2, 3)


def test_a_key_that_a_customer_has_pasted_is_not_shown() -> None:
    found = [trace("a", "no", text="my key sk-abcdef1234567890 fails " + "x" * 500)]
    (suspect,) = suspects_view(FoundTraces(found, 1)).suspects
    assert suspect.text is not None
    assert (suspect.text.startswith("my key *** fails"), len(suspect.text)) == (True, 400)
