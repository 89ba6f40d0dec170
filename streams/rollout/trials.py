"""Judges what is on trial: counts what the teacher says of its answers, and promotes or ends it."""

from collections import defaultdict
from collections.abc import Iterable

from confluent_kafka import Message

from models.certificate import Certificate
from schemas.messages import Trace
from streams.clock import unix_ms
from streams.kafka.event_publisher import EventPublisher
from streams.state.registry import Registry
from streams.state.trial_counts import CheckedAnswer, TrialCounts
from streams.tasks import Tasks
from streams.versions.events import transition_event
from streams.versions.trial_outcome import conclude_trial

Version = tuple[str, str]


def checked_answer(traces: Iterable[tuple[Trace, Message]]) -> dict[Version, list[CheckedAnswer]]:
    """What the teacher has said of candidates' answers, for each (task, policy version)."""
    found: defaultdict[Version, list[CheckedAnswer]] = defaultdict(list)
    for trace, message in traces:
        if trace.sampled and trace.shadow is not None:
            agreed = trace.shadow.label == trace.label
            place = CheckedAnswer(message.partition() or 0, message.offset() or 0, agreed)
            found[trace.task, trace.shadow.policy].append(place)
    return dict(found)


class TrialJudge:
    """Called by certify with each batch of traces; one that it has seen before changes nothing."""

    def __init__(
        self, live: Tasks, registry: Registry, trials: TrialCounts, event_publisher: EventPublisher
    ) -> None:
        self._live = live
        self._registry = registry
        self._trials = trials
        self._event_publisher = event_publisher

    async def judge(self, traces: Iterable[tuple[Trace, Message]]) -> None:
        """Count the answers, and conclude the trials that they complete.

        Raises:
            StateUnavailable: Redis is away; the batch is to be read again.
        """
        for (task, version), checked in checked_answer(traces).items():
            await self._conclude(task, version, await self._trials.fold(task, version, checked))

    async def _conclude(self, task: str, version: str, trial: Certificate) -> None:
        config, now = self._live.task(task).config, unix_ms()
        change = await self._registry.change(
            task,
            lambda found: conclude_trial(found, version, trial, config.target_agreement, config.delta, now),
        )
        if change is not None:
            self._event_publisher.publish(transition_event(task, change, now))
