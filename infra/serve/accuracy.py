"""Accuracy of answers whose truth was told, from the topic `feedback`: beside agreement, and apart from it.

Nobody draws which requests get feedback, so these are shares of what was told, and no estimate for the rest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.serve.topic_client import Reader, read_records
from schemas.codec import FEEDBACK
from schemas.config import Override, config_of
from schemas.messages import Feedback
from streams.errors import KafkaFailed
from streams.label_set import LabelSet
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class TaskAccuracy:
    """Answers of a task whose truth is known.

    Attributes:
        surrogate, teacher: answers of either.
        surrogate_right, teacher_right: of these, those that were true.
        unknown: told truths of requests whose answer is not known.
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
    newest = {(told.task, told.id): told for told, _ in read_records(reader, FEEDBACK)}
    tasks = {task for task, _ in newest}
    labels = {task: LabelSet.of(config_of(task, overrides).teacher) for task in tasks}
    return {
        task: accuracy_of((told for told in newest.values() if told.task == task), labels[task])
        for task in tasks
    }


def accuracy_of(feedback: Iterable[Feedback], labels: LabelSet) -> TaskAccuracy:
    """Counts of one task, each request once; labels count under their names of today."""
    counts = {"surrogate": [0, 0], "teacher": [0, 0]}
    unknown = 0
    for told in feedback:
        if told.source is None or told.answered is None:
            unknown += 1
            continue
        counts[told.source][0] += 1
        counts[told.source][1] += labels.current(told.answered) == labels.current(told.ground_truth)
    (surrogate, surrogate_right), (teacher, teacher_right) = counts["surrogate"], counts["teacher"]
    return TaskAccuracy(surrogate, surrogate_right, teacher, teacher_right, unknown)
