"""Feedback recorder: joins what is true of a request to the answer that it got, and writes both down.

The answer is the one among the newest labels. A truth of a request that nobody knows is refused: it could be
joined to nothing, and a wrong id would not be noticed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.messages import Feedback
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.errors import DeliveryFailed
from streams.feedback import feedback_on, feedback_record, label_problem
from streams.gateway.classifier import Classifier
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable
from streams.gateway.recent_labels import RecentLabels
from streams.gateway.record_sender import RecordSender
from streams.label_set import LabelSet
from streams.privacy.forgotten import ForgottenRequests
from streams.tasks import Tasks


class Truth(NamedTuple):
    """The right label of a request.

    Attributes:
        is_new: it is meant although the task does not list it.
    """

    request: str
    label: str
    is_new: bool


class FeedbackRecorder:
    """Args:
    forgotten: requests about which nothing may be written.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        recent: RecentLabels,
        sender: RecordSender,
        classifier: Classifier,
        forgotten: ForgottenRequests,
    ) -> None:
        self._tasks = tasks
        self._topics = topics
        self._recent = recent
        self._sender = sender
        self._classifier = classifier
        self._forgotten = forgotten

    async def record(self, task: str, truths: Sequence[Truth]) -> list[Feedback | HttpProblem]:
        """Write down what can be; the records, and why the others were refused, in the order of `truths`.

        Raises:
            HttpProblem: Kafka has not taken the records. The same call may be made again: each request counts
                once.
        """
        if self._classifier.kafka_is_away:
            raise unavailable("Kafka is away: send the feedback again later", task=task)
        now, labels = unix_ms(), LabelSet.of(self._tasks.task(task).config.teacher)
        results = [self._feedback(task, truth, labels, now) for truth in truths]
        records = [feedback_record(self._topics, one) for one in results if isinstance(one, Feedback)]
        if records:
            try:
                await self._sender.send_acknowledged(records)
            except DeliveryFailed as error:
                raise unavailable(f"{error}: send the feedback again", task=task) from error
        return results

    def _feedback(self, task: str, truth: Truth, labels: LabelSet, now: int) -> Feedback | HttpProblem:
        problem = label_problem(truth.label, labels, is_new=truth.is_new)
        if problem is not None:
            how = f"{problem}; with `new_label: true` it counts as another label all the same"
            return HttpProblem(ProblemKind.UNKNOWN_LABEL, how, request=truth.request, task=task)
        known = self._recent.find(task, truth.request)
        label = None if known is None else known.label
        if label is None or self._forgotten.covers(task, truth.request, label.requested_at):
            return HttpProblem(
                ProblemKind.NOT_FOUND,
                "no label of this id: it is not there yet, is to be forgotten, or is not among the newest "
                "(`labels_kept`); `understudy feedback` looks through the labels of the last 7 days",
                request=truth.request,
                task=task,
            )
        return feedback_on(label, truth.label, now)
