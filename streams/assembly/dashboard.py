"""The dashboard of a gateway: routes that read what this process and Redis hold, and what feeds them."""

from dataclasses import dataclass

from mode import ServiceT
from starlette.routing import BaseRoute

from schemas.codec import EVENT
from schemas.messages import Label
from streams.assembly.parts import WorkerParts
from streams.clock import unix_ms
from streams.dashboard.requests.deferred_reader import DeferredReader
from streams.dashboard.requests.deferred_routes import DeferredRoutes
from streams.dashboard.routes import DashboardRoutes
from streams.dashboard.system.events_routes import EventsRoutes
from streams.dashboard.system.recent_events import KEPT, RecentEvents
from streams.dashboard.system.system_reader import Reachable, SystemReader
from streams.dashboard.system.system_routes import SystemRoutes
from streams.dashboard.tasks.days_routes import DaysRoutes
from streams.dashboard.tasks.label_counts import LabelTally
from streams.dashboard.tasks.reader import ViewReader
from streams.dashboard.view_streams import ViewStreams
from streams.gateway.caller_check import CallerCheck
from streams.gateway.recent_labels import RecentLabels
from streams.kafka.record_feed import RecordFeed
from streams.state.spending import SpendingStore
from streams.status.status_reader import StatusReader


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Attributes:
    tally: told of every label that this process reads.
    services: that feed it.
    streams: end with the server.
    deferred: reads again once a letter was sent.
    """

    routes: list[BaseRoute]
    services: list[ServiceT]
    tally: LabelTally
    streams: ViewStreams
    status_reader: StatusReader
    deferred: DeferredReader


def make_dashboard(parts: WorkerParts, check: CallerCheck, recent: RecentLabels) -> Dashboard:
    """The dashboard; making it opens nothing."""
    settings, tasks = parts.settings, parts.tasks
    streams, events, tally = ViewStreams(check), RecentEvents(), LabelTally(unix_ms)
    spending = SpendingStore(parts.connection, settings.keys)
    status_reader = StatusReader(parts.connection, settings.keys, settings.policies_kept)
    reader = ViewReader(status_reader, spending, tasks, tally, unix_ms)
    deferred = _deferred_reader(parts, recent)
    routes: list[BaseRoute] = [
        *DashboardRoutes(streams, reader).routes(),
        *DaysRoutes(streams, spending, tasks, unix_ms).routes(),
        *DeferredRoutes(streams, deferred).routes(),
        *EventsRoutes(streams, events, unix_ms).routes(),
        *SystemRoutes(streams, _system_reader(parts).read).routes(),
    ]
    feed = RecordFeed(settings.topics.events, EVENT, parts.open_reader, KEPT, events.note, is_needed=False)
    return Dashboard(routes, [feed], tally, streams, status_reader, deferred)


def _deferred_reader(parts: WorkerParts, recent: RecentLabels) -> DeferredReader:
    def find_label(task: str, request: str) -> Label | None:
        found = recent.find(task, request)
        return None if found is None else found.label

    return DeferredReader(parts.settings, parts.forgotten, find_label, unix_ms)


def _system_reader(parts: WorkerParts) -> SystemReader:
    def reachable() -> tuple[Reachable, Reachable]:
        now = unix_ms()
        redis, kafka = (
            Reachable(one.is_available, now - round(1_000 * one.unchanged_for))
            for one in (parts.connection, parts.kafka_watch)
        )
        return redis, kafka

    return SystemReader(parts.settings, parts.connection, parts.tasks, reachable, unix_ms)
