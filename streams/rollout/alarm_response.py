"""Response to an alarm, in this order, so that a process that dies in between leaves nothing undone:

    1. a refit is requested; two requests are answered by one refit
    2. where one label explains the alarm, the label is blocked, and the version goes on answering; where the
       audits of labels that are blocked already explain it, there is nothing to do
    3. otherwise the version is stopped, and another one is restored or the breaker opens, in one script
    4. an event says all of this

A version that is not live is only stopped, at workers where it may still answer; this makes an event where no
other version is live. A call for a version that was stopped already changes nothing.
"""

import logging
from collections.abc import Awaitable, Callable

from schemas.events import LabelBlockedDetails
from streams.certify.events import label_blocked_event
from streams.certify.evidence import AlarmEvidence
from streams.clock import unix_ms
from streams.errors import StateUnreadable
from streams.kafka.event_publisher import EventPublisher
from streams.label_set import LabelSet
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.tasks import Tasks
from streams.versions.breaker import after_alarm, alarm_concerns, may_answer, restorable_versions
from streams.versions.culprit import blocked_label_to_blame, label_to_blame
from streams.versions.events import alarm_event, transition_event
from streams.versions.serving_state import ServingState

log = logging.getLogger(__name__)

IsRestorable = Callable[[str, str], Awaitable[bool]]
"""Of a task and a version: whether the version is certified, and has never raised an alarm."""


class AlarmResponse:
    """Called by certify; see `streams.certify.evidence.OnAlarm`."""

    def __init__(
        self,
        tasks: Tasks,
        registry: Registry,
        refits: RefitQueue,
        is_restorable: IsRestorable,
        event_publisher: EventPublisher,
    ) -> None:
        self._live_tasks = tasks
        self._registry = registry
        self._refits = refits
        self._is_restorable = is_restorable
        self._event_publisher = event_publisher

    async def __call__(self, task: str, version: str, evidence: AlarmEvidence) -> str | None:
        serving_state = await self._registry.serving_state(task)
        if not alarm_concerns(serving_state, version):
            await self._stop(task, version, evidence, serving_state)
            return None
        config = self._live_tasks.task(task).config
        stored = await self._registry.blocked_labels(task, version)
        blocked = frozenset(map(LabelSet.of(config.teacher).current, stored))
        known = blocked_label_to_blame(evidence, blocked)
        if known is not None:
            return known
        label = label_to_blame(evidence, config.label_floor, config.delta)
        if label is None:
            await self._stop(task, version, evidence, serving_state)
            return None
        if label not in blocked:
            await self._block(task, version, label, evidence, config.label_floor)
        return label

    async def _block(
        self, task: str, version: str, label: str, evidence: AlarmEvidence, floor: float
    ) -> None:
        reason = f"label `{label}` was blocked: the teacher disagrees"
        await self._refits.request(task, _since(evidence), reason, urgent=True)
        await self._registry.block_label(task, version, label)
        details = _blocked_details(version, label, evidence, floor)
        self._event_publisher.publish(label_blocked_event(task, details, unix_ms()))

    async def _stop(
        self, task: str, version: str, evidence: AlarmEvidence, serving_state: ServingState
    ) -> None:
        now, since = unix_ms(), _since(evidence)
        recent, target = evidence.recent, evidence.target
        reason = f"alarm: {recent.agreements} of the last {recent.audits} audits agree, target {target:g}"
        if evidence.is_silence:
            reason = f"alarm: {evidence.unanswered} of the last {evidence.audits} audits have no label"
        restored = await self._restorable(task, serving_state)
        if may_answer(serving_state, version) and (
            serving_state.active is None or serving_state.active.version == version
        ):
            await self._refits.request(task, since, reason, urgent=True)
        change = await self._registry.change(
            task, lambda state: after_alarm(state, version, restored, since, reason, now)
        )
        if change is None:
            return
        if may_answer(serving_state, version):
            self._event_publisher.publish(alarm_event(task, version, evidence, change, now))
        elif change.moves:
            self._event_publisher.publish(transition_event(task, change, now))
        else:
            log.warning(
                "stopped a version that is not live, where a worker may still use it: task=%s version=%s: %s",
                task,
                version,
                reason,
            )

    async def _restorable(self, task: str, serving_state: ServingState) -> str | None:
        versions = await self._registry.kept_versions(task)
        history = await self._registry.history(task)
        for version in restorable_versions(serving_state, versions, history):
            try:
                if await self._is_restorable(task, version):
                    return version
            except StateUnreadable as error:
                log.warning("not restored: version=%s: %s", version, error)
        return None


def _blocked_details(version: str, label: str, evidence: AlarmEvidence, floor: float) -> LabelBlockedDetails:
    counts = evidence.labels[label]
    return LabelBlockedDetails(
        version=version,
        label=label,
        cause="alarm",
        label_audits=counts.audits,
        label_agreements=counts.agreements,
        version_audits=evidence.counts.audits,
        version_agreements=evidence.counts.agreements,
        floor=floor,
        since=evidence.since,
    )


def _since(evidence: AlarmEvidence) -> int:
    """Unix milliseconds; traces from then on calibrate the next version."""
    now = unix_ms()
    return now if evidence.since is None else min(evidence.since, now)
