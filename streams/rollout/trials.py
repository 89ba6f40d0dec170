"""Trials of candidate versions: counts the teacher's verdict on their answers, and promotes or ends them."""

import logging
from collections import defaultdict
from collections.abc import Iterable

from confluent_kafka import Message

from models.certificate import Certificate
from schemas.messages import Trace
from streams.clock import unix_ms
from streams.errors import StateUnreadable
from streams.kafka.event_publisher import EventPublisher
from streams.state.registry import Registry
from streams.state.trial_counts import CheckedAnswer, TrialCounts
from streams.tasks import Tasks
from streams.versions.events import transition_event
from streams.versions.promotion import needs_approval
from streams.versions.trial_outcome import conclude_trial

log = logging.getLogger(__name__)

Version = tuple[str, str]


def checked_answers(traces: Iterable[tuple[Trace, Message]]) -> dict[Version, list[CheckedAnswer]]:
    """The answers of candidates that the teacher has checked, for each (task, policy version)."""
    checked: defaultdict[Version, list[CheckedAnswer]] = defaultdict(list)
    for trace, message in traces:
        if trace.sampled and trace.shadow is not None:
            agreed = trace.shadow.label == trace.label
            answer = CheckedAnswer(message.partition() or 0, message.offset() or 0, agreed)
            checked[trace.task, trace.shadow.policy].append(answer)
    return dict(checked)


class TrialJudge:
    """Judges candidates by each batch of traces; a batch that it has seen before changes nothing."""

    def __init__(
        self, tasks: Tasks, registry: Registry, trial_counts: TrialCounts, event_publisher: EventPublisher
    ) -> None:
        self._live_tasks = tasks
        self._registry = registry
        self._trial_counts = trial_counts
        self._event_publisher = event_publisher

    async def judge(self, traces: Iterable[tuple[Trace, Message]]) -> None:
        """Count the answers, and conclude the trials that they complete.

        Raises:
            StateUnavailable: Redis is away; the batch is to be read again.
        """
        for (task, version), checked in checked_answers(traces).items():
            trial = await self._trial_counts.fold(task, version, checked)
            try:
                await self._conclude(task, version, trial)
            except StateUnreadable as error:
                log.warning("a trial goes on, no other task waits for it: %s", error)

    async def _conclude(self, task: str, version: str, trial: Certificate) -> None:
        config, now = self._live_tasks.task(task).config, unix_ms()
        change = await self._registry.change(
            task,
            lambda state: conclude_trial(
                state,
                version,
                trial,
                config.target_agreement,
                config.delta,
                now,
                approval=needs_approval(config),
            ),
        )
        if change is not None:
            self._event_publisher.publish(transition_event(task, change, now))
