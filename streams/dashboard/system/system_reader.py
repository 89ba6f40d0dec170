"""Reads the whole system for its view: from Redis what workers say, from the broker how far groups have read.

One part that can't be read leaves the others as they are, and says so. No topic is read: of each lane of the
teacher the oldest message of each partition alone.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException

from schemas.codec import DEFERRAL
from schemas.config import EVERY_TASK
from schemas.errors import InvalidMessage
from streams.dashboard.system.system_view import (
    Check,
    OldestQuestion,
    SpendingRow,
    SystemView,
    check_of,
    endpoint_rows,
    lane_row,
    refit_rows,
    role_row,
    shown_spending,
    trainer_counts,
    worker_rows,
)
from streams.dashboard.tasks.views import used_budget
from streams.errors import KafkaFailed, StateUnavailable
from streams.kafka.backlog import UnreadRange, first_messages, teacher_lanes
from streams.kafka.clients import open_peeker
from streams.kafka.group_states import GroupState, GroupStates
from streams.kafka.message import as_bytes, time_of
from streams.settings import Settings
from streams.spending.day_spending import day_spending
from streams.state.connection import Connection
from streams.state.lease import lease_holders
from streams.state.refit_queue import RefitQueue, RefitRequest
from streams.state.spending import SpendingStore
from streams.state.workers import HeardWorker, WorkerStore
from streams.status.certify_findings import certify_findings
from streams.status.finding import Level
from streams.status.redis_findings import redis_findings
from streams.tasks import Tasks

_READERS = (
    ("route", "requests", "route"),
    ("encode", "encodings", "encode"),
    ("teacher", "deferrals", "teacher"),
    ("teacher-audits", "audits", "teacher"),
    ("teacher-waiting", "waiting", "teacher"),
    ("learn", "replies", "learn"),
    ("certify", "traces", "certify"),
    ("certify-asked", "deferrals", "certify"),
    ("certify-audits", "audits", "certify"),
    ("certify-failures", "audit_failures", "certify"),
    ("config-events", "config", "certify"),
)
"""Group, topic, and the role whose worker reads it."""
_SPARED = frozenset({"encode", "teacher-waiting"})
"""Groups without which nothing is wrong while nothing waits."""


class Reachable(NamedTuple):
    """Whether a server answers, and since when that is so, Unix milliseconds."""

    answers: bool
    since: int


@dataclass(frozen=True, slots=True)
class _OfRedis:
    """What was read from Redis last; `problem`: why it can't be read now."""

    checks: Sequence[Check] = ()
    heard: Sequence[HeardWorker] = ()
    requests: Sequence[RefitRequest] = ()
    holders: Mapping[str, str] = field(default_factory=dict)
    spending: Sequence[SpendingRow] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _OfKafka:
    """What the broker said last; `problem`: why it says nothing now."""

    states: Sequence[GroupState] = ()
    oldest: Mapping[str, OldestQuestion] = field(default_factory=dict)
    at: int | None = None
    problem: str | None = None


class SystemReader:
    """Args:
    reachable: whether Redis and Kafka answer, as this process has noticed.
    now: Unix milliseconds.
    """

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        tasks: Tasks,
        reachable: Callable[[], tuple[Reachable, Reachable]],
        now: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._tasks = tasks
        self._reachable = reachable
        self._now = now
        self._workers = WorkerStore(connection, settings.keys)
        self._refits = RefitQueue(connection, settings.keys)
        self._spending = SpendingStore(connection, settings.keys)
        topics = settings.topics
        readers = [(group, str(getattr(topics, topic))) for group, topic, _ in _READERS]
        self._lanes = teacher_lanes(topics)
        if not topics.audit_lane:
            readers = [one for one in readers if not one[0].endswith("-audits")]
        self._commands = {group: f"understudy worker {role}" for group, _, role in _READERS}
        self._broker = _Broker(settings, readers, self._lanes)
        self._redis, self._kafka = _OfRedis(), _OfKafka()

    async def read(self) -> SystemView:
        """The view as of now; what can't be read is as it was."""
        self._redis, self._kafka = await asyncio.gather(self._read_redis(), self._read_kafka())
        return self._view()

    async def _read_redis(self) -> _OfRedis:
        try:
            return await self._ask_redis()
        except StateUnavailable as error:
            return replace(self._redis, problem=str(error))

    async def _ask_redis(self) -> _OfRedis:
        keys = self._settings.keys
        names = sorted(self._tasks.names())
        checks = [
            *await redis_findings(self._connection),
            *await certify_findings(self._connection, keys),
        ]
        amounts = await self._spending.days([EVERY_TASK, *names])
        return _OfRedis(
            [check_of(finding) for finding in checks],
            await self._workers.read(),
            await self._refits.all(),
            await lease_holders(self._connection, keys, names),
            shown_spending(self._spending_row(task, of) for task, of in amounts.items()),
        )

    def _spending_row(self, task: str, amounts: Mapping[str, float]) -> SpendingRow:
        config = self._tasks.task(task).config.teacher
        limits = config.total_limits if task == EVERY_TASK else config.limits
        spent = day_spending(amounts)
        return SpendingRow(task, spent.all_calls, spent.tokens, spent.money, used_budget(spent, limits))

    async def _read_kafka(self) -> _OfKafka:
        try:
            states, first = await asyncio.to_thread(self._broker.look)
        except KafkaFailed as error:
            return replace(self._kafka, problem=str(error))
        oldest = {}
        for lane, since in first.items():
            task, written = since
            teacher = self._tasks.task(task).config.teacher
            is_audit = self._lanes[lane] == "teacher-audits"
            patience = teacher.audit_give_up_after if is_audit else teacher.give_up_after
            oldest[lane] = OldestQuestion(task, written, round(1_000 * patience))
        return _OfKafka(states, oldest, self._now())

    def _view(self) -> SystemView:
        redis, kafka, now = self._redis, self._kafka, self._now()
        marks = self._settings.delivery == "exactly_once"
        roles = [
            role_row(
                state,
                self._commands[state.role],
                marks=marks and state.role != "config-events",
                needed=state.role not in _SPARED,
            )
            for state in kafka.states
        ]
        waiting = {row.topic: row.lag for row in roles if row.role in self._lanes.values()}
        return SystemView(
            at=now,
            checks=self._checks(),
            workers=worker_rows(redis.heard),
            roles=roles,
            lanes=[
                lane_row(self._lane(topic), waiting.get(topic, 0), kafka.oldest.get(topic), now)
                for topic in self._lanes
                if kafka.states
            ],
            refits=refit_rows(redis.requests, redis.holders, now),
            trainers=trainer_counts(redis.holders),
            endpoints=endpoint_rows(redis.heard),
            spending=redis.spending,
            kafka_at=kafka.at,
        )

    def _lane(self, topic: str) -> str:
        return topic.removeprefix(f"{self._settings.prefix}.")

    def _checks(self) -> list[Check]:
        redis, kafka = self._reachable()
        return [
            *self._server("kafka", kafka, self._kafka.problem, "check the brokers and the network"),
            *self._server("redis", redis, self._redis.problem, "check the server and the network"),
            *([] if self._redis.problem else self._redis.checks),
        ]

    def _server(self, about: str, reachable: Reachable, problem: str | None, advice: str) -> list[Check]:
        """Whether a server answers; what was read of it before is still shown, and as of when."""
        if problem is not None:
            shown = "what is shown of it is what was known before"
            return [Check(Level.PROBLEM, about, f"does not answer ({problem}): {advice}; {shown}")]
        since = reachable.since if reachable.answers else None
        return [Check(Level.OK, about, "answers without a break", since)]


class _Broker:
    """Asks the broker, over connections that are kept. One look at a time."""

    def __init__(
        self, settings: Settings, readers: Sequence[tuple[str, str]], lanes: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._states = GroupStates(settings, readers)
        self._lanes = lanes
        self._lock = threading.Lock()
        self._peeker: Consumer | None = None

    def look(self) -> tuple[list[GroupState], dict[str, tuple[str, int]]]:
        """The groups, and by lane task and time of the oldest question. Raises KafkaFailed."""
        with self._lock:
            states = self._states.look()
            readers = {state.topic: state for state in states if state.role == self._lanes.get(state.topic)}
            found = {topic: self._oldest(topic, state.unread) for topic, state in readers.items()}
        return states, {topic: oldest for topic, oldest in found.items() if oldest is not None}

    def _oldest(self, topic: str, ranges: Sequence[UnreadRange]) -> tuple[str, int] | None:
        unread = [one for one in ranges if one.count > 0]
        if not unread:
            return None
        if self._peeker is None:
            self._peeker = open_peeker(self._settings)
        try:
            messages = first_messages(self._peeker, topic, unread)
        except (KafkaFailed, KafkaException):
            self._peeker.close()
            self._peeker = None
            return None
        oldest = min(messages, key=time_of, default=None)
        if oldest is None:
            return None
        try:
            deferral = DEFERRAL.decode(as_bytes(oldest.value()))
        except InvalidMessage:
            return EVERY_TASK, time_of(oldest)
        return deferral.request.task, min(time_of(oldest), deferral.requested_at or time_of(oldest))
