"""Dashboard whose task can be changed: a real Redis, and a list for a Kafka, which the tasks read at once."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from models.artifact import Artifact
from schemas.api_keys import ApiKey
from schemas.codec import EVENT
from schemas.events import Event
from schemas.messages import Label, Reason
from schemas.redis_keys import Keys
from schemas.topics import Topics
from streams.changes.change_maker import ChangeMaker
from streams.changes.config_writer import Decide
from streams.dashboard.operation.change_routes import ChangeRoutes
from streams.dashboard.operation.changes_reader import ChangesReader
from streams.dashboard.operation.what_if_reader import WhatIfReader
from streams.dashboard.operation.what_if_routes import WhatIfRoutes
from streams.dashboard.requests.newest_traces import NewestTraces
from streams.dashboard.routes import DashboardRoutes
from streams.dashboard.task_calls import TaskNames
from streams.dashboard.tasks.label_counts import LabelTally
from streams.dashboard.versions.labels_reader import LabelsReader
from streams.dashboard.versions.labels_routes import LabelsRoutes
from streams.dashboard.versions.version_reports import VersionReports, write_in_process
from streams.dashboard.versions.versions_reader import VersionsReader
from streams.dashboard.versions.versions_routes import VersionsRoutes
from streams.dashboard.view_streams import ViewStreams
from streams.errors import DeliveryFailed
from streams.gateway.app import create_gateway
from streams.gateway.call_limits import call_limits
from streams.gateway.caller_check import CallerCheck
from streams.gateway.server import GatewayServer
from streams.gateway_settings import GatewaySettings
from streams.kafka.batch import Outgoing
from streams.privacy.forgotten import ForgottenRequests
from streams.roles.config import parse_message
from streams.state.connection import Connection
from streams.state.operator_changes import OperatorChangeLog
from streams.state.registry import Registry
from streams.state.spending import SpendingStore
from streams.state.trial_counts import TrialCounts
from streams.status.status_reader import StatusReader
from streams.tasks import Tasks
from tests.streams.dashboard.scripted import BEGAN, ScriptedReader, certified

TASK = "tickets"
TOPICS = Topics("x")
CONFIG = {
    "embedder": "precomputed",
    "target_agreement": 0.95,
    "label_floor": 0.7,
    "teacher": {"labels": ["no", "yes"]},
}


@dataclass
class ListedKafka:
    """Attributes:
    written: so far.
    is_away: takes nothing.
    meanwhile: what somebody else sets for the task at the moment of a write.
    unread: what is set on the topic, and was not read by this process yet.
    """

    tasks: Tasks
    written: list[Outgoing] = field(default_factory=list)
    is_away: bool = False
    is_stalled: bool = False
    meanwhile: Mapping[str, Any] | None = None
    unread: Mapping[str, Any] | None = None

    async def write(self, outgoing: Sequence[Outgoing]) -> None:
        if self.is_away:
            raise DeliveryFailed("Kafka has acknowledged nothing for 5 s")
        self.written += outgoing
        for one in outgoing:
            if one.topic == TOPICS.config:
                task = (one.key or b"").decode()
                self.tasks.configure(task, self.meanwhile or parse_message(one.value, task))

    async def write_config(self, decide: Decide) -> None:
        unread = {} if self.unread is None else {TASK: self.unread}
        await self.write(decide({**self.tasks.overrides, **unread}))

    @property
    def events(self) -> list[Event]:
        return [EVENT.decode(one.value or b"") for one in self.written if one.topic == TOPICS.events]


@dataclass(frozen=True)
class Operated:
    url: str
    tasks: Tasks
    registry: Registry
    kafka: ListedKafka
    kept: OperatorChangeLog


@asynccontextmanager
async def operated(
    redis_url: str,
    keys: Keys,
    artifact: Artifact,
    api_keys: Mapping[str, ApiKey] | None = None,
    origins: tuple[str, ...] = (),
) -> AsyncIterator[Operated]:
    """The task `TASK`, whose versions v1 and v2 were live, and v2 is."""
    settings = GatewaySettings(port=0, cors_origins=origins)
    connection, tasks = Connection(redis_url), Tasks()
    registry, kept = Registry(connection, keys, 5), OperatorChangeLog(connection, keys)
    tasks.configure(TASK, CONFIG)
    for number in (1, 2):
        assert await registry.publish(TASK, f"v{number}", number, 0, artifact, BEGAN + number)
    kafka, tally = ListedKafka(tasks), LabelTally(lambda: BEGAN)
    tally.note([_label(at) for at in range(120)])
    check = CallerCheck(True, lambda: api_keys or {}, origins)
    names = TaskNames(tasks, tally.counts)
    maker = ChangeMaker(
        tasks, registry, kept, TOPICS, (), kafka.write, kafka.write_config, lambda: kafka.is_stalled
    )
    status_reader = StatusReader(connection, keys, 5)
    reader = WhatIfReader(status_reader, SpendingStore(connection, keys), tasks, tally.counts, lambda: BEGAN)
    traces = NewestTraces(list, ForgottenRequests())
    labels = LabelsRoutes(check, names, tasks, LabelsReader(tasks, status_reader), traces)
    versions = VersionsRoutes(
        check,
        names,
        VersionsReader(tasks, status_reader, TrialCounts(connection, keys)),
        VersionReports(tasks, registry, traces, write_in_process),
    )
    streams = ViewStreams(check)
    dashboard = DashboardRoutes(streams, ScriptedReader(certified(TASK)), look=0.05)
    changes = ChangeRoutes(
        settings, check, names, ChangesReader(tasks, registry, kept), maker, lambda: True, lambda: BEGAN
    )
    read = (*WhatIfRoutes(check, names, reader).routes(), *labels.routes(), *versions.routes())
    routes = [*dashboard.routes(), *changes.routes(), *read]
    server = GatewayServer(
        create_gateway(settings, routes, call_limits(settings)), settings, 5.0, streams.end
    )
    await server.start()
    try:
        yield Operated(server.url, tasks, registry, kafka, kept)
    finally:
        await server.stop()
        await connection.aclose()


def _label(number: int) -> Label:
    at = BEGAN - number * 1_000
    return Label(
        id=f"r{number}",
        task=TASK,
        label="yes",
        source="surrogate",
        reason=Reason.ACCEPTED,
        requested_at=at,
        labelled_at=at,
    )
