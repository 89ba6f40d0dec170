"""A certifier on a real Redis, with topics, a clock and an operator that a test scripts."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import Message

from schemas.config import TeacherConfig, parse_override
from schemas.messages import AuditFailure, Deferral, Guess, Reason, Request, Teacher, Trace
from schemas.redis_keys import Keys
from streams.certify.deferral_state import DeferralState
from streams.certify.evidence import AlarmEvidence
from streams.certify.observations import DEFERRALS, FAILURES, TRACES
from streams.certify.passed_by import PassedBy, Readers
from streams.certify.status import CertificateStatus
from streams.certify.topic_log import TopicLog
from streams.drift.deferrals import DeferralReport
from streams.roles.certify import AuditCertifier
from streams.rollout.alarm_response import AlarmResponse
from streams.rollout.trials import TrialJudge
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from streams.state.fold_offsets import FoldOffsets
from streams.state.known_labels import KnownLabels
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.state.trial_counts import TrialCounts
from streams.tasks import Tasks
from tests.streams.fakes import TOPICS, PublishedEvents, message

KEY = b"secret"

TEACHER = Teacher("model", "prompt")
PARTITIONS = 2


class Topic(TopicLog):
    """Messages as they stand in a topic of two partitions."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream, stream, _never, _never, lambda: self.identity, 3)
        self.identity = ""
        self.messages: list[Message] = []
        self.commits: dict[str, int] = {}
        self.between: list[Any] = []

    def add(self, value: Any, partition: int = 0) -> Message:
        offset = sum(one.partition() == partition for one in self.messages)
        # Every other offset is a transaction's marker.
        added = message(value, offset=2 * offset, partition=partition, topic=self.stream)
        self.messages.append(added)
        return added

    async def committed(self) -> dict[str, int]:
        return self.commits

    async def since(
        self, positions: Mapping[str, int], ends: dict[str, int]
    ) -> AsyncGenerator[list[Message], None]:
        def position(one: Message) -> str:
            return f"{self.stream}:{one.partition()}"

        left = [one for one in self.messages if (one.offset() or 0) >= positions.get(position(one), 0)]
        for start in range(0, len(left), self.batch):
            yield left[start : start + self.batch]
            for look in self.between:
                await look()
        for one in self.messages:
            ends[position(one)] = max(ends.get(position(one), 0), (one.offset() or 0) + 2)


@dataclass
class Deployment:
    """Three topics, one Redis, and as many certifiers as a test starts.

    Attributes:
        now: Unix milliseconds.
        passed: audits noted until then were passed by; None where nobody knows.
        alarms: the alarms that were raised.
        answers: what the next alarms are answered with: the label that is blocked, None, or an error.
    """

    connection: Connection
    keys: Keys
    traces: Topic = field(default_factory=lambda: Topic(TRACES))
    deferrals: Topic = field(default_factory=lambda: Topic(DEFERRALS))
    failures: Topic = field(default_factory=lambda: Topic(FAILURES))
    passed: int | None = None
    told: PublishedEvents = field(default_factory=PublishedEvents)
    live: Tasks = field(default_factory=Tasks)
    now: int = 10_000_000
    alarms: list[tuple[str, str, AlarmEvidence]] = field(default_factory=list)
    answers: list[str | Exception | None] = field(default_factory=list)
    response: AlarmResponse | None = None
    report: DeferralReport | None = None
    report_failures: list[Exception] = field(default_factory=list)

    @property
    def registry(self) -> Registry:
        return Registry(self.connection, self.keys, 5)

    async def certifier(self) -> AuditCertifier:
        """One that has just started."""
        offsets = FoldOffsets(self.connection, self.keys)
        for topic in (self.traces, self.deferrals, self.failures):
            await topic.check_identity()
            offsets.remember(await topic.committed())
        return AuditCertifier(
            self.live,
            TOPICS,
            AuditStore(self.connection, self.keys),
            offsets,
            {TRACES: self.traces, DEFERRALS: self.deferrals, FAILURES: self.failures},
            self.told,
            self.on_alarm,
            self.on_deferral_drift,
            TrialJudge(self.live, self.registry, TrialCounts(self.connection, self.keys), self.told),
            self.registry.may_answer,
            KnownLabels(self.registry),
            _Known(self),
            lambda: self.now,
        )

    async def on_deferral_drift(self, task: str, version: str, state: DeferralState) -> None:
        if self.report_failures:
            raise self.report_failures.pop()
        if self.report is None:
            refits = RefitQueue(self.connection, self.keys)
            self.report = DeferralReport(self.live, self.registry, refits, self.told)
        await self.report(task, version, state)

    async def on_alarm(self, task: str, version: str, evidence: AlarmEvidence) -> str | None:
        self.alarms.append((task, version, evidence))
        if self.response is not None:
            return await self.response(task, version, evidence)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def configure(self, **fields: Any) -> None:
        self.live.configure("t", parse_override(msgspec.json.encode(fields)))

    async def status(self, version: str = "v1") -> CertificateStatus:
        return await AuditStore(self.connection, self.keys).status("t", version)

    async def service_status(self) -> CertificateStatus:
        return await AuditStore(self.connection, self.keys).service_status("t")

    def events(self) -> list[str]:
        """Kinds of the events since the last call, without those of the service's certificate."""
        kinds = [event.kind.value for event in self.told.events]
        self.told.events.clear()
        return [kind for kind in kinds if not kind.startswith("service_")]

    def renamed(self, identity: str, streams: Sequence[str] = (TRACES, DEFERRALS)) -> None:
        """From now on the broker knows these topics by this; for processes that start from now on."""
        for stream in streams:
            before = self.traces if stream == TRACES else self.deferrals
            topic = Topic(stream)
            topic.messages, topic.identity = before.messages, identity
            if stream == TRACES:
                self.traces = topic
            else:
                self.deferrals = topic

    async def snapshot(self) -> dict[bytes, bytes]:
        """All keys as they are."""
        redis = self.connection.redis
        names = [key async for key in redis.scan_iter(f"{self.keys.prefix}:*")]
        return {key: await redis.dump(key) for key in names}

    async def restore(self, snapshot: Mapping[bytes, bytes]) -> None:
        """Set Redis back to a snapshot; an empty one empties it."""
        redis = self.connection.redis
        async for key in redis.scan_iter(f"{self.keys.prefix}:*"):
            await redis.delete(key)
        for key, value in snapshot.items():
            await redis.restore(key, 0, value)


class _Known(PassedBy):
    """What the test says."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(lambda _group, _topic: None, Readers((), (), (), ()))
        self._deployment = deployment

    def until(self, teacher: TeacherConfig) -> int | None:  # noqa: ARG002 - all tasks have one teacher
        return self._deployment.passed


def audit(
    request: str, *, agreed: bool = True, version: str = "v1", label: str = "yes", **given: Any
) -> Trace:
    """The trace of an audit."""
    fields: dict[str, Any] = {
        "teacher": TEACHER,
        "inclusion": 1.0,
        "text": "hello",
        "requested_at": 5,
        "replied_at": 6,
        **given,
    }
    said = label if agreed else f"not {label}"
    guess = Guess(label, 0.9, 0.0, version)
    return Trace(request, "t", said, Reason.AUDIT, True, True, "text", guess=guess, **fields)


def asked(request: str, version: str = "v1", **given: Any) -> Deferral:
    """The deferral of an audit."""
    fields: dict[str, Any] = {"audit": True, "sampled": True, "requested_at": 5, **given}
    guess = Guess("yes", 0.9, 0.0, version)
    return Deferral(Request(request, "t", "hello"), Reason.AUDIT, embedder="text", guess=guess, **fields)


def failure(request: str, *, gave_up: bool = False) -> AuditFailure:
    """The record of an audit on which the teacher has failed."""
    return AuditFailure(request, "t", "v1", 5, 6, "refused", TEACHER, gave_up)


def audits(count: int, name: str = "r", disagree: Sequence[int] = (), **given: Any) -> list[Trace]:
    """Audits `<name>0`, `<name>1`, ...; the teacher disagrees with those whose numbers are named."""
    return [audit(f"{name}{number}", agreed=number not in disagree, **given) for number in range(count)]


def _never() -> Any:
    raise AssertionError("no Kafka here")
