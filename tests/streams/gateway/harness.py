"""A gateway on a free port of this machine, with a scripted policy, broker and teacher."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from confluent_kafka import KafkaError, KafkaException

from schemas.api_keys import ApiKey
from schemas.codec import LABEL, REPLY
from schemas.config import TeacherConfig, parse_override
from schemas.messages import Deferral, Label, Reply, Teacher, Usage
from schemas.proposed_task import ProposedTask
from streams.clock import unix_ms
from streams.drift.windows import ScoreWindows
from streams.errors import StateUnavailable
from streams.gateway.app import create_gateway
from streams.gateway.batcher import RequestBatcher
from streams.gateway.call_limits import call_limits
from streams.gateway.caller_check import CallerCheck
from streams.gateway.chat_decider import ChatDecider
from streams.gateway.chat_recorder import AskedChat, ChatRecorder
from streams.gateway.chat_routes import ChatRoutes
from streams.gateway.chat_service import ChatService
from streams.gateway.classifier import Classifier
from streams.gateway.classify_routes import ClassifyRoutes
from streams.gateway.direct_teacher import DirectTeacher
from streams.gateway.feedback_recorder import FeedbackRecorder
from streams.gateway.feedback_routes import FeedbackRoutes
from streams.gateway.forwarded_tasks import ForwardedTasks
from streams.gateway.learned_tasks import LearnedTasks
from streams.gateway.otlp.routes import OtlpRoutes
from streams.gateway.otlp.span_recorder import SpanRecorder
from streams.gateway.rated_traffic import RatedTraffic
from streams.gateway.recent_labels import RecentLabels
from streams.gateway.record_sender import RecordSender
from streams.gateway.server import GatewayServer
from streams.gateway.stored_objects import StoredObjects
from streams.gateway.upstream import Upstream
from streams.gateway_settings import GatewaySettings
from streams.kafka.batch import Outgoing
from streams.kafka.size_limits import SizeLimits
from streams.privacy.forgotten import ForgottenRequests
from streams.privacy.mask import Mask
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.request_router import RequestRouter
from streams.sampling import Sampler
from streams.spending.cost import CallCost
from streams.state.proposed_tasks import ProposedTasks
from streams.tasks import Tasks
from streams.teacher.client import TeacherClient
from streams.teacher.key_variables import KeyVariables
from streams.teacher.outcome import TryLater
from streams.tracing.contract import NO_TRACING, Tracing
from tests.streams.fakes import TOPICS, ScriptedBudget, ScriptedPolicy

YES, UNSURE = "yes 0.9 0.1", "yes 0.1 0.1"


class ScriptedBroker:
    """A producer that keeps what it is given.

    Attributes:
        holds: reports no delivery for now.
        error: of deliveries.
    """

    def __init__(self) -> None:
        self.produced: list[Outgoing] = []
        self.holds = False
        self.error: KafkaError | None = None
        self._reports: list[Callable[[KafkaError | None, Any], None]] = []

    def produce(
        self, topic: str, value: bytes, key: bytes, headers: Any = None, on_delivery: Any = None
    ) -> None:
        self.produced.append(Outgoing(topic, key, value, headers))
        self._reports.append(on_delivery)

    def list_topics(self, timeout: float) -> None:  # noqa: ARG002
        """Fails while the broker is away."""
        if self.error is not None:
            raise KafkaException(self.error)

    def poll(self, _timeout: float) -> None:
        time.sleep(0.001)
        self._report()

    def flush(self, _timeout: float) -> int:
        self._report()
        return 0

    def to(self, topic: str) -> list[Outgoing]:
        return [out for out in self.produced if out.topic == topic]

    @property
    def labels(self) -> list[Label]:
        return [LABEL.decode(out.value) for out in self.to(TOPICS.labels)]

    @property
    def replies(self) -> list[Reply]:
        return [REPLY.decode(out.value) for out in self.to(TOPICS.replies)]

    def _report(self) -> None:
        while self._reports and not self.holds:
            self._reports.pop(0)(self.error, None)


class ScriptedTeacher(TeacherClient):
    """Says `no`, or what it is told to."""

    def __init__(self) -> None:
        self.asked: list[Deferral] = []
        self.outcome: TryLater | None = None
        self.hangs: asyncio.Event | None = None

    async def ask(
        self, deferral: Deferral, config: TeacherConfig, cost: CallCost | None = None
    ) -> Reply | TryLater:
        self.asked.append(deferral)
        if cost is not None:
            cost.begin_call()
        if self.hangs is not None:
            await self.hangs.wait()
        return self.outcome or Reply(deferral, "no", Teacher(config.model or ""))


class ScriptedOwners:
    """Keeps the owners of stored objects in memory.

    Attributes:
        is_away: nobody can say.
    """

    def __init__(self) -> None:
        self.owners: dict[tuple[str, str], str] = {}
        self.is_away = False

    async def note(self, account: str, name: str, owner: str) -> None:
        if self.is_away:
            raise StateUnavailable("away")
        self.owners.setdefault((account, name), owner)

    async def owner(self, account: str, name: str) -> str | None:
        if self.is_away:
            raise StateUnavailable("away")
        return self.owners.get((account, name))


class ScriptedProposals(ProposedTasks):
    """Counts proposed tasks in memory.

    Attributes:
        is_away: what is counted can't be written.
    """

    def __init__(self) -> None:
        self.counts: Counter[ProposedTask] = Counter()
        self.is_away = False

    async def add(self, counts: Mapping[ProposedTask, int], now: int) -> None:  # noqa: ARG002
        if self.is_away:
            raise StateUnavailable("away")
        self.counts.update(counts)


def started_long_ago() -> RatedTraffic:
    """Of a process that knows what was before now."""
    times = iter([0])
    return RatedTraffic(lambda: next(times, unix_ms()))


@dataclass
class RunningGateway:
    """What a test looks at and turns.

    Attributes:
        replies: of LLMs to apps, by task and whether they said a label.
        usage: tokens of each of them.
        stalled: whether Kafka counts as away.
        redis_answers: whether Redis does.
    topics_are_read: whether config and labels have been read.
        keys: of apps; None: not known.
    """

    tasks: Tasks = field(default_factory=Tasks)
    broker: ScriptedBroker = field(default_factory=ScriptedBroker)
    teacher: ScriptedTeacher = field(default_factory=ScriptedTeacher)
    budget: ScriptedBudget = field(default_factory=ScriptedBudget)
    replies: Counter[tuple[str, bool]] = field(default_factory=Counter)
    usage: list[Usage | None] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    environ: dict[str, str] = field(default_factory=dict)
    recent: RecentLabels = field(default_factory=lambda: RecentLabels(1_000))
    keys: Mapping[str, ApiKey] | None = field(default_factory=dict)
    forgotten: ForgottenRequests = field(default_factory=ForgottenRequests)
    rated: RatedTraffic = field(default_factory=started_long_ago)
    stalled: bool = False
    redis_answers: bool = True
    topics_are_read: bool = True
    url: str = ""
    owners: ScriptedOwners = field(default_factory=ScriptedOwners)
    proposed: ScriptedProposals = field(default_factory=ScriptedProposals)
    learned: Any = None
    recorder: Any = None
    sender: Any = None
    limits: Any = None
    http: httpx2.AsyncClient = field(default_factory=httpx2.AsyncClient)

    def count_reply(self, asked: AskedChat, *, was_read: bool, usage: Usage | None) -> None:
        self.replies[asked.deferral.request.task, was_read] += 1
        self.usage.append(usage)

    async def classify(
        self, text: str | None = YES, headers: Mapping[str, str] | None = None, **body: Any
    ) -> httpx2.Response:
        asked = {"task": "t", "text": text} | body
        return await self.http.post("/v1/classify", json=asked, headers=headers)

    async def produced(self, topic: str, count: int = 1) -> Sequence[Outgoing]:
        """Wait for records."""
        await until(lambda: len(self.broker.to(topic)) >= count)
        return self.broker.to(topic)


@asynccontextmanager
async def running(
    policy: ScriptedPolicy | None = None,
    *,
    mask: Mask | None = None,
    config: Mapping[str, Any] | None = None,
    tracing: Tracing = NO_TRACING,
    **settings: Any,
) -> AsyncIterator[RunningGateway]:
    """A gateway for task `t`; nothing is audited unless the config says so."""
    gateway = RunningGateway()
    if policy is not None:
        gateway.tasks.set_policy("t", policy)
    gateway.tasks.configure("t", parse_override(_json({"audit_rate": 0.0} | dict(config or {}))))
    chosen = GatewaySettings(**{"port": 0, "timeout": 20.0} | settings)
    sampler = Sampler(b"key")
    encoders = EncoderQueues(sampler)
    router = RequestRouter(gateway.tasks, sampler, lambda *_: None, 1_000, count_traffic=ScoreWindows().count)

    class Sender(RecordSender):
        @property
        def is_stalled(self) -> bool:
            return gateway.stalled

    broker: Any = gateway.broker
    sender = gateway.sender = Sender(lambda: broker, 60.0, 1.0)
    batcher = RequestBatcher(router, chosen.batch, encoders)
    classifier = Classifier(
        gateway.tasks,
        TOPICS,
        sampler,
        batcher,
        gateway.recent,
        sender,
        DirectTeacher(gateway.teacher, gateway.budget, tracing),
        lambda: gateway.redis_answers,
        lambda: gateway.topics_are_read,
        acknowledged=chosen.ack == "kafka",
        sizes=SizeLimits(2_000_000),
        count_labels=lambda labels: gateway.answers.update(label.task for label in labels),
        mask=mask,
    )
    check = CallerCheck(chosen.is_local, lambda: gateway.keys, chosen.cors_origins)
    upstream = Upstream()
    gateway.recorder = ChatRecorder(
        classifier.record_given, upstream, gateway.budget, 10.0, gateway.count_reply, mask
    )
    paused = RequestRouter(ForwardedTasks(gateway.tasks), sampler, lambda *_: None)
    forwarding = RequestBatcher(paused, chosen.batch, encoders)
    decider = ChatDecider(batcher, forwarding, sampler, gateway.rated)
    stored = StoredObjects(gateway.tasks, lambda: gateway.keys, gateway.owners)
    variables = KeyVariables(gateway.environ)
    service = ChatService(gateway.tasks, classifier, decider, gateway.recorder, upstream, stored, variables)
    gateway.learned = LearnedTasks(gateway.tasks, gateway.proposed, 60.0, mask)
    feedback = FeedbackRecorder(gateway.tasks, TOPICS, gateway.recent, sender, classifier, gateway.forgotten)
    spans = SpanRecorder(
        gateway.tasks,
        TOPICS,
        decider,
        classifier,
        gateway.recorder,
        gateway.learned,
        sender,
        SizeLimits(2_000_000),
    )
    routes = [
        *ClassifyRoutes(chosen, check, classifier, gateway.recent).routes(),
        *ChatRoutes(chosen, check, gateway.tasks, service, gateway.learned).routes(),
        *FeedbackRoutes(chosen, check, feedback).routes(),
        *OtlpRoutes(chosen, check, spans).routes(),
    ]
    limits = gateway.limits = call_limits(chosen)
    app = create_gateway(chosen, routes, limits, tracing)
    server = GatewayServer(app, chosen, 1.0)
    await sender.start()
    await gateway.recorder.start()
    await server.start()
    gateway.url = server.url
    try:
        async with httpx2.AsyncClient(base_url=server.url, timeout=30.0) as gateway.http:
            yield gateway
    finally:
        await server.stop()
        await gateway.recorder.stop()
        await sender.stop()
        await upstream.aclose()


def _json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode()


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until the condition holds."""
    while not condition():
        await _turn()


async def _turn() -> None:
    await asyncio.sleep(0.001)
