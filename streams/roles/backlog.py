"""backlog: tells, before Kafka deletes deferrals that nobody has answered.

Runs next to certify, because a teacher that is away can't tell. It also logs where a topic is kept for less
long than requests may wait for the teacher.
"""

import asyncio
import logging
from dataclasses import dataclass

from mode import Service

from schemas.codec import DEFERRAL
from schemas.config import EVERY_TASK
from schemas.errors import InvalidMessage
from schemas.events import BacklogAtRiskDetails, Event
from streams.clock import unix_ms
from streams.errors import KafkaFailed, StateUnavailable
from streams.kafka.backlog import read_oldest, read_unread, teacher_lanes
from streams.kafka.event_publisher import EventPublisher
from streams.kafka.message import as_bytes, time_of
from streams.kafka.retention import Retention, read_retention
from streams.settings import Settings
from streams.state.connection import Connection
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_FIRST_LOOK = 5.0
_LOOK = 60.0
_SAID_FOR = 6 * 3600


@dataclass(frozen=True, slots=True)
class WaitingLane:
    """Attributes:
    task: of the oldest message.
    unread: messages that the teacher has not finished.
    since: when the oldest was written, Unix milliseconds.
    """

    topic: str
    task: str
    unread: int
    since: int


def backlog_event(lane: WaitingLane, retention: Retention, now: int) -> Event | None:
    """The event that the oldest message will be deleted; None while less than half of its time is over.

    Args:
        now: Unix milliseconds.
    """
    if retention.kept is None or 2 * (now - lane.since) < retention.kept:
        return None
    deleted_from = lane.since + retention.kept
    when = f"in {_duration(deleted_from - now)}" if deleted_from > now else "now"
    message = (
        f"{lane.task}: the oldest of {lane.unread} messages of {lane.topic} has waited "
        f"{_duration(now - lane.since)} for the teacher, and Kafka may delete it {when}: start more teacher "
        "workers or raise `teacher.concurrency`, or raise `retention.ms` of the topic"
    )
    details = BacklogAtRiskDetails(lane.topic, lane.unread, lane.since, deleted_from)
    return details.event(lane.task, now, message)


def retention_warning(topic: str, retention: Retention, task: str, wait: float) -> str | None:
    """Says that a topic is kept for less long than a task waits for the teacher; None where it is not.

    Args:
        wait: seconds.
    """
    if retention.kept is None or retention.kept > wait * 1000:
        return None
    whom = "requests" if task == EVERY_TASK else f"requests of {task}"
    return (
        f"{topic} is kept for {_duration(retention.kept)}, and {whom} wait up to "
        f"{_duration(int(wait * 1000))} for the teacher: Kafka may delete them unanswered; raise "
        "`retention.ms` of the topic or lower `teacher.give_up_after`"
    )


class BacklogWatch(Service):
    """Looks at the teacher's topics every minute. Of several workers one emits an event, every 6 hours."""

    def __init__(
        self, settings: Settings, tasks: Tasks, connection: Connection, event_publisher: EventPublisher
    ) -> None:
        super().__init__()
        self._settings = settings
        self._lanes = teacher_lanes(settings.topics)
        self._live_tasks = tasks
        self._connection = connection
        self._event_publisher = event_publisher
        self._warned: set[str] = set()

    async def on_start(self) -> None:
        self.add_future(self._watch())

    async def _watch(self) -> None:
        await self.sleep(_FIRST_LOOK)
        while not self.should_stop:
            await self.look(unix_ms())
            await self.sleep(_LOOK)

    async def look(self, now: int) -> None:
        """Look at all topics once; `now` in Unix milliseconds. What can't be read now is read next time."""
        for topic, role in self._lanes.items():
            try:
                await self._look_at(topic, role, now)
            except (KafkaFailed, StateUnavailable) as error:
                log.debug("backlog not looked at, will retry: %s", error)

    async def _look_at(self, topic: str, role: str, now: int) -> None:
        retention = await asyncio.to_thread(read_retention, self._settings, topic)
        if retention is None:
            return
        self._warn(retention_warning(topic, retention, *self._live_tasks.longest_wait()))
        lane = await asyncio.to_thread(_waiting_lane, self._settings, topic, role)
        event = None if lane is None else backlog_event(lane, retention, now)
        if event is not None and await self._is_new(topic):
            self._event_publisher.publish(event)

    def _warn(self, warning: str | None) -> None:
        if warning is not None and warning not in self._warned:
            self._warned.add(warning)
            log.warning("%s", warning)

    async def _is_new(self, topic: str) -> bool:
        with self._connection.client() as redis:
            key = self._settings.keys.backlog_event(topic)
            return bool(await redis.set(key, "1", nx=True, ex=_SAID_FOR))


def _waiting_lane(settings: Settings, topic: str, role: str) -> WaitingLane | None:
    """None where nothing waits, or nobody has ever read the topic."""
    unread = read_unread(settings, role, topic)
    messages = read_oldest(settings, topic, unread, 1) if unread else []
    if not unread or not messages:
        return None
    oldest = min(messages, key=time_of)
    try:
        task = DEFERRAL.decode(as_bytes(oldest.value())).request.task
    except InvalidMessage:
        task = EVERY_TASK
    return WaitingLane(topic, task, sum(one.count for one in unread), time_of(oldest))


def _duration(milliseconds: int) -> str:
    hours, rest = divmod(max(0, milliseconds) // 60_000, 60)
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours} h {rest} min"
