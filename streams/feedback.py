"""Feedback: what is true of a request, as a record for its topic, and the newest of each request."""

from schemas.codec import FEEDBACK
from schemas.messages import Feedback, Label
from schemas.topics import Topics
from streams.kafka.batch import Outgoing
from streams.label_set import LabelSet

_SHOWN = 10
"""Labels that a message names."""


def feedback_key(task: str, request: str) -> bytes:
    """The key of a request's record: the newest one with it counts."""
    return f"{task}:{request}".encode("utf-8", "surrogatepass")


def feedback_record(topics: Topics, feedback: Feedback) -> Outgoing:
    """The message; it replaces what was said of the same request before."""
    return Outgoing(topics.feedback, feedback_key(feedback.task, feedback.id), FEEDBACK.encode(feedback))


def feedback_on(label: Label, ground_truth: str, given_at: int) -> Feedback:
    """What is true of a request, beside the answer that it got; an error is no answer."""
    source = None if label.source == "error" else label.source
    return Feedback(label.id, label.task, ground_truth, given_at, label.label, source, label.policy)


def label_problem(truth: str, labels: LabelSet, *, is_new: bool) -> str | None:
    """Why a label can't be the right one; None where it can.

    A label that the teacher may not give is likely a typing error, and would count every answer as wrong; so
    whoever means it has to say so.

    Args:
        is_new: it is meant although the task does not list it.
    """
    if truth != truth.strip() or len(truth.splitlines()) != 1:
        return "a label is one line without spaces around it"
    if is_new or labels.allows(truth):
        return None
    more = ", ..." if len(labels.names) > _SHOWN else ""
    return f"`{truth}` is none of `teacher.labels` ({', '.join(labels.names[:_SHOWN])}{more})"
