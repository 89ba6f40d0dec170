"""Accuracy: how many answers were right, of those with feedback. Agreement with the teacher is another count.

Nobody draws at random which answers get feedback, so these shares say nothing of the answers without it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.codec import FEEDBACK
from schemas.config import Override, config_of
from schemas.errors import InvalidMessage
from schemas.messages import Feedback
from streams.errors import KafkaFailed
from streams.kafka.message import as_bytes, key_of
from streams.kafka.topic_client import Reader
from streams.label_set import LabelSet
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class TaskAccuracy:
    """Answers of a task that got feedback.

    Attributes:
        surrogate, teacher: their answers with feedback.
        surrogate_right, teacher_right: of these, those with the right label.
        unknown: requests with feedback whose answer is not known.
    """

    surrogate: int = 0
    surrogate_right: int = 0
    teacher: int = 0
    teacher_right: int = 0
    unknown: int = 0


def read_accuracy(settings: Settings, overrides: Mapping[str, Override]) -> dict[str, TaskAccuracy]:
    """The accuracy of each task with feedback; empty where an earlier release has made no such topic."""
    try:
        reader = Reader(settings, settings.topics.feedback, from_start=True)
    except KafkaFailed:
        return {}
    by_task: dict[str, list[Feedback]] = {}
    for feedback in newest_feedback(reader):
        by_task.setdefault(feedback.task, []).append(feedback)
    return {
        task: accuracy_of(feedback, LabelSet.of(config_of(task, overrides).teacher))
        for task, feedback in by_task.items()
    }


def newest_feedback(reader: Reader) -> list[Feedback]:
    """The newest feedback on each request, without what was taken back. Closes the reader."""
    newest: dict[bytes | None, Feedback] = {}
    try:
        for message in reader.to_end():
            key, value = key_of(message), as_bytes(message.value())
            try:
                newest[key] = FEEDBACK.decode(value)
            except InvalidMessage:
                if value is None:
                    newest.pop(key, None)
    finally:
        reader.close()
    return list(newest.values())


def accuracy_of(feedback: Iterable[Feedback], labels: LabelSet) -> TaskAccuracy:
    """Counts of one task, each request once; labels count under their names of today."""
    counts = {"surrogate": [0, 0], "teacher": [0, 0]}
    unknown = 0
    for one in feedback:
        if one.source is None or one.answered is None:
            unknown += 1
            continue
        counts[one.source][0] += 1
        counts[one.source][1] += labels.current(one.answered) == labels.current(one.ground_truth)
    (surrogate, surrogate_right), (teacher, teacher_right) = counts["surrogate"], counts["teacher"]
    return TaskAccuracy(surrogate, surrogate_right, teacher, teacher_right, unknown)
