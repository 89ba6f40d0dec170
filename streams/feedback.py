"""Feedback: the record of what is true of a request, for its topic."""

from schemas.codec import FEEDBACK
from schemas.messages import Feedback, Label
from schemas.topics import Topics
from streams.kafka.batch import Outgoing


def feedback_record(topics: Topics, feedback: Feedback) -> Outgoing:
    """The message; it replaces what was told of the same request before."""
    key = f"{feedback.task}:{feedback.id}".encode("utf-8", "surrogatepass")
    return Outgoing(topics.feedback, key, FEEDBACK.encode(feedback))


def feedback_on(label: Label, ground_truth: str, given_at: int) -> Feedback:
    """What is true of a request, beside the answer that it got; an error is no answer."""
    source = None if label.source == "error" else label.source
    return Feedback(label.id, label.task, ground_truth, given_at, label.label, source, label.policy)
