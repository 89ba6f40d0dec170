"""What the dashboard reads of one request, label or version, on a free port, with scripted policies."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from confluent_kafka import Message
from starlette.routing import Route

from models.artifact import Artifact
from models.errors import PolicyError
from models.policy import Policy
from schemas.api_keys import ApiKey
from schemas.config import parse_override
from schemas.messages import Guess, Reason, Request, Trace
from streams.dashboard.requests.dry_run import DryRun
from streams.dashboard.requests.newest_traces import NewestTraces
from streams.dashboard.requests.request_routes import RequestRoutes
from streams.dashboard.requests.try_routes import TryRoutes
from streams.dashboard.routes import DashboardRoutes
from streams.dashboard.task_calls import TaskNames
from streams.dashboard.tasks.label_counts import LabelCounts
from streams.dashboard.versions.labels_routes import LabelsRoutes
from streams.dashboard.versions.labels_view import LabelsView
from streams.dashboard.versions.version_reports import VersionReports, Write, write_in_process
from streams.dashboard.versions.versions_routes import VersionsRoutes
from streams.dashboard.versions.versions_view import VersionsView
from streams.dashboard.view_streams import ViewStreams
from streams.errors import KafkaFailed, StateUnavailable
from streams.gateway.app import create_gateway
from streams.gateway.call_limits import call_limits
from streams.gateway.caller_check import CallerCheck
from streams.gateway.recent_labels import RecentLabels
from streams.gateway.server import GatewayServer
from streams.gateway_settings import GatewaySettings
from streams.privacy.forgotten import ForgottenRequests
from streams.routing.encoder_queues import EncoderQueues
from streams.sampling import Sampler
from streams.tasks import Tasks
from tests.streams.dashboard.in_thread import in_thread
from tests.streams.dashboard.scripted import ScriptedReader, certified
from tests.streams.fakes import ScriptedPolicy, message

YES, UNSURE, NOVEL = "yes 0.9 0.1", "yes 0.1 0.1", "no 0.95 3.5"


class ScriptedVersions:
    """Keeps policies by version.

    Attributes:
        is_away: Redis is.
        blocked: labels by version.
    """

    def __init__(self, *policies: ScriptedPolicy) -> None:
        self.policies = {policy.manifest.version: policy for policy in policies}
        self.blocked: dict[str, frozenset[str]] = {}
        self.is_away = False

    async def fetch(self, task: str, version: str) -> Artifact | None:
        if self.is_away:
            raise StateUnavailable("Redis is away: redis://:secret@localhost:6379")
        return Artifact(version.encode(), b"") if task == "t" and version in self.policies else None

    async def blocked_labels(self, task: str, version: str) -> frozenset[str]:  # noqa: ARG002
        return self.blocked.get(version, frozenset())

    def open(self, manifest: bytes, graph: bytes) -> Policy:  # noqa: ARG002
        policy = self.policies[manifest.decode()]
        if policy.manifest.version == "broken":
            raise PolicyError("graph: changed")
        return policy


@dataclass
class ScriptedTraces:
    """The newest messages of a topic of traces.

    Attributes:
        looks: how often they were read.
        is_away: Kafka is.
    """

    traces: list[Trace | bytes] = field(default_factory=list)
    looks: int = 0
    is_away: bool = False

    def __call__(self) -> list[Message]:
        self.looks += 1
        if self.is_away:
            raise KafkaFailed("Kafka does not answer")
        return [message(trace) for trace in self.traces]


def trace(name: str, label: str, *, audit: bool = True, **given: Any) -> Trace:
    """One of task `t`; by default an audit of an answer `yes` by v1 with a score of .9."""
    fields: dict[str, Any] = {
        "task": "t",
        "reason": Reason.AUDIT if audit else Reason.LOW_SCORE,
        "sampled": True,
        "embedder": "text",
        "requested_at": 1_000,
        "replied_at": 2_000,
        "text": YES,
        "guess": Guess("yes", 0.9, 0.1, "v1"),
        "threshold": 0.7,
    }
    return Trace(name, label=label, audit=audit, **(fields | given))


class ScriptedAccounts:
    """What is known of labels and versions.

    Attributes:
        is_away: Redis is.
        reads: so far.
    """

    def __init__(self, labels: LabelsView | None = None, versions: VersionsView | None = None) -> None:
        self.of_labels = labels or LabelsView()
        self.of_versions = versions or VersionsView(0.95, 0.95)
        self.is_away = False
        self.reads = 0

    async def labels(self, task: str) -> LabelsView:  # noqa: ARG002
        self._note_read()
        return self.of_labels

    async def versions(self, task: str) -> VersionsView:  # noqa: ARG002
        self._note_read()
        return self.of_versions

    def _note_read(self) -> None:
        self.reads += 1
        if self.is_away:
            raise StateUnavailable("Redis is away: redis://:secret@localhost:6379")


@dataclass
class Asked:
    """Attributes:
    tasks: `t` among them.
    """

    tasks: Tasks = field(default_factory=Tasks)
    versions: ScriptedVersions = field(default_factory=ScriptedVersions)
    mask: Callable[[Request], Request] = lambda request: request
    keys: Mapping[str, ApiKey] = field(default_factory=dict)
    recent: RecentLabels = field(default_factory=lambda: RecentLabels(100))
    traces: ScriptedTraces = field(default_factory=ScriptedTraces)
    forgotten: ForgottenRequests = field(default_factory=ForgottenRequests)
    accounts: ScriptedAccounts = field(default_factory=ScriptedAccounts)
    write: Write = write_in_process

    def __post_init__(self) -> None:
        self.tasks.configure("t", parse_override(b'{"target_agreement": 0.95, "audit_rate": 0.05}'))
        self.check = CallerCheck(is_local=True, keys=lambda: self.keys)
        self.names = TaskNames(self.tasks, lambda _: LabelCounts())
        self.newest = NewestTraces(self.traces, self.forgotten)

    def routes(self, settings: GatewaySettings) -> list[Route]:
        encoders = EncoderQueues(Sampler(b"key"))
        dry_run = DryRun(self.tasks, self.versions, encoders, self.mask, self.versions.open)
        reports = VersionReports(self.tasks, self.versions, self.newest, self.write)
        return [
            *TryRoutes(settings, self.check, self.names, self.tasks, dry_run, self.newest).routes(),
            *RequestRoutes(
                settings, self.check, self.names, self.tasks, self.recent, dry_run, self.newest
            ).routes(),
            *LabelsRoutes(self.check, self.names, self.tasks, self.accounts, self.newest).routes(),
            *VersionsRoutes(self.check, self.names, self.accounts, reports).routes(),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx2.AsyncClient]:
        """A client of the routes."""
        async with self.serving() as url, httpx2.AsyncClient(base_url=url, timeout=30.0) as client:
            yield client

    @asynccontextmanager
    async def serving(self, reader: ScriptedReader | None = None) -> AsyncIterator[str]:
        """Address of the routes, and of the page beside them."""
        settings = GatewaySettings(port=0)
        streams = ViewStreams(self.check)
        page = DashboardRoutes(streams, reader or ScriptedReader(certified("t")), look=0.05)
        routes = [*page.routes(), *self.routes(settings)]
        server = GatewayServer(
            create_gateway(settings, routes, call_limits(settings)), settings, 5.0, streams.end
        )
        await server.start()
        try:
            yield server.url
        finally:
            await server.stop()

    @contextmanager
    def served(self, reader: ScriptedReader | None = None) -> Iterator[str]:
        """The same in a thread with an event loop of its own."""
        with in_thread(self.serving(reader)) as url:
            yield url
