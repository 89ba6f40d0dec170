"""Recent traffic, read from Kafka: labels of each task in the last minutes, and what became of fits."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codec import EVENT, LABEL
from schemas.events import Event, EventKind
from schemas.messages import Label, Reason
from streams.kafka.topic_client import Reader, read_records
from streams.settings import Settings

WINDOW = 600.0
_NEWEST = 2_000
_OUTCOMES = frozenset({EventKind.REFUSED, EventKind.PROMOTED, EventKind.TRIAL})


@dataclass(frozen=True, slots=True)
class TaskTraffic:
    """Labels of one task in the last minutes.

    Attributes:
        seconds: since the first label of any task in that time, at least 1.
        labels: in that time.
        answered: of these, by the surrogate under the guarantee.
        guessed: of these, by the surrogate outside it, because a limit on the teacher's calls is reached.
        audited: of the answered ones, those that the teacher is asked about too.
        errors: labels that say that the teacher failed.
        last_error: the newest of them.
        is_failing: nothing newer than that error says that the teacher has answered since.
        since: Unix milliseconds of the first of the task's labels.
    """

    seconds: float
    labels: int
    answered: int
    audited: int
    errors: int
    last_error: str | None = None
    is_failing: bool = False
    since: int = 0
    guessed: int = 0

    @property
    def rate(self) -> float:
        """Labels a second."""
        return self.labels / self.seconds

    @property
    def coverage(self) -> float | None:
        """Share of the requests that the surrogate answered; None where there were none."""
        return self.answered / self.labels if self.labels else None

    def saved_a_day(self, price_a_call: float) -> float:
        """Calls that were not made, at their price, over a day at this rate."""
        return (self.answered - self.audited) / self.seconds * 86_400 * price_a_call


def read_traffic(settings: Settings, now: int) -> dict[str, TaskTraffic]:
    """The traffic of each task that had labels lately. `now` in Unix milliseconds. Raises KafkaFailed."""
    reader = Reader(settings, settings.topics.labels, newest=_NEWEST)
    partitions: dict[int, list[Label]] = {}
    for label, message in read_records(reader, LABEL):
        partitions.setdefault(int(message.partition() or 0), []).append(label)
    return traffic_of(partitions.values(), now)


def traffic_of(partitions: Iterable[list[Label]], now: int) -> dict[str, TaskTraffic]:
    """The traffic of each task, given the newest labels of each partition, oldest first."""
    partitions = list(partitions)
    # A partition that is cut off reaches back no further than its first label: nor may the count of others.
    cut = [labels[0].labelled_at for labels in partitions if len(labels) >= _NEWEST]
    begin = max([now - int(WINDOW * 1000), *cut])
    recent: dict[str, list[Label]] = {}
    for labels in partitions:
        for label in labels:
            if label.labelled_at >= begin:
                recent.setdefault(label.task, []).append(label)
    # A deployment may be younger than the window: the time without any label at its begin does not count.
    first = min((label.labelled_at for labels in recent.values() for label in labels), default=now)
    seconds = max(1.0, (now - first) / 1000)
    return {task: _task_traffic(labels, seconds) for task, labels in recent.items()}


def read_fit_outcomes(settings: Settings) -> dict[str, Event]:
    """Each task's newest event about what became of a fitted version. Raises KafkaFailed."""
    reader = Reader(settings, settings.topics.events, newest=_NEWEST)
    newest: dict[str, Event] = {}
    for event, _ in read_records(reader, EVENT):
        if event.kind in _OUTCOMES and event.at >= newest.get(event.task, event).at:
            newest[event.task] = event
    return newest


def _task_traffic(labels: list[Label], seconds: float) -> TaskTraffic:
    answered = [label for label in labels if label.source == "surrogate"]
    guessed = sum(label.reason is Reason.BUDGET for label in answered)
    failed = [label for label in labels if label.source == "error"]
    last = max(failed, key=lambda label: label.labelled_at, default=None)
    by_teacher = max((label.labelled_at for label in labels if label.source == "teacher"), default=0)
    return TaskTraffic(
        seconds=seconds,
        labels=len(labels),
        answered=len(answered) - guessed,
        audited=sum(label.audited and label.reason is not Reason.BUDGET for label in answered),
        errors=len(failed),
        last_error=None if last is None else last.error,
        is_failing=last is not None and last.labelled_at > by_teacher,
        since=min(label.labelled_at for label in labels),
        guessed=guessed,
    )
