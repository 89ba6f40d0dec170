"""Truths are learned where the task says so, and never by a trace that tests agreement."""

from confluent_kafka import Message

from schemas.codec import FEEDBACK
from schemas.config import Config, Refit, TeacherConfig
from schemas.messages import Feedback
from streams.feedback import feedback_key
from streams.trainer.truths import Truths
from tests.streams.fakes import message, trace

ON = Config(refit=Refit(use_feedback=True), teacher=TeacherConfig(labels=("a", "b", "new")))
TRACES = [trace("free", "a", sampled=False), trace("drawn", "a", sampled=True)]


def told(request: str, truth: str) -> Message:
    return message(FEEDBACK.encode(Feedback(request, "t", truth, 1)), key=feedback_key("t", request))


def learned(truths: Truths, config: Config = ON) -> dict[str, str]:
    return {one.id: one.label for one in truths.learned_traces(TRACES, config)}


def test_the_newest_truth_is_learned_by_what_is_not_sampled() -> None:
    truths = Truths()
    truths.add([told("free", "new"), told("free", "b"), told("drawn", "b")])
    assert learned(truths) == {"free": "b", "drawn": "a"}
    assert learned(truths, Config()) == {"free": "a", "drawn": "a"}


def test_a_truth_that_was_taken_back_or_is_no_label_is_not_learned() -> None:
    truths = Truths()
    truths.add([told("free", "b"), message(None, key=feedback_key("t", "free"))])
    assert learned(truths)["free"] == "a"
    truths.add([told("free", "typo"), message(b"{")])
    assert learned(truths)["free"] == "a"


def test_renamed_labels_are_learned_under_their_new_name() -> None:
    truths, renaming = Truths(), TeacherConfig(labels=("a", "c"), labels_renamed={"b": "c"})
    truths.add([told("free", "b")])
    assert learned(truths, Config(refit=ON.refit, teacher=renaming))["free"] == "c"


def test_the_oldest_truths_go_first() -> None:
    truths = Truths(1)
    truths.add([told("free", "b"), told("drawn", "b")])
    assert learned(truths)["free"] == "a"
