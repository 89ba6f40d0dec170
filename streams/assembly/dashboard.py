"""The dashboard of a gateway: routes that read what this process and Redis hold, and what feeds them."""

import asyncio
from dataclasses import dataclass
from functools import partial

from confluent_kafka import Message
from mode import ServiceT
from starlette.routing import BaseRoute

from schemas.codec import EVENT
from schemas.messages import Label
from streams.assembly.parts import WorkerParts
from streams.changes.change_maker import ChangeMaker
from streams.changes.config_writer import ConfigWriter, Decide
from streams.clock import unix_ms
from streams.dashboard.operation.change_routes import ChangeRoutes
from streams.dashboard.operation.changes_reader import ChangesReader
from streams.dashboard.operation.replay_routes import LetterReplayer, ReplayRoutes
from streams.dashboard.operation.what_if_reader import WhatIfReader
from streams.dashboard.operation.what_if_routes import WhatIfRoutes
from streams.dashboard.requests.deferred_reader import DeferredReader
from streams.dashboard.requests.deferred_routes import DeferredRoutes
from streams.dashboard.requests.dry_run import DryRun
from streams.dashboard.requests.newest_traces import MOST, MOST_BYTES, SECONDS, NewestTraces
from streams.dashboard.requests.request_routes import RequestRoutes
from streams.dashboard.requests.try_routes import TryRoutes
from streams.dashboard.routes import DashboardRoutes
from streams.dashboard.system.events_routes import EventsRoutes
from streams.dashboard.system.recent_events import KEPT, RecentEvents
from streams.dashboard.system.system_reader import Reachable, SystemReader
from streams.dashboard.system.system_routes import SystemRoutes
from streams.dashboard.task_calls import TaskNames
from streams.dashboard.tasks.days_routes import DaysRoutes
from streams.dashboard.tasks.label_counts import LabelTally
from streams.dashboard.tasks.reader import ViewReader
from streams.dashboard.versions.labels_reader import LabelsReader
from streams.dashboard.versions.labels_routes import LabelsRoutes
from streams.dashboard.versions.version_reports import VersionReports, write_in_process
from streams.dashboard.versions.versions_reader import VersionsReader
from streams.dashboard.versions.versions_routes import VersionsRoutes
from streams.dashboard.view_streams import ViewStreams
from streams.gateway.caller_check import CallerCheck
from streams.gateway.classifier import Classifier
from streams.gateway.recent_labels import RecentLabels
from streams.gateway.record_sender import RecordSender
from streams.kafka.clients import open_reader
from streams.kafka.newest_messages import newest_messages
from streams.kafka.record_feed import RecordFeed
from streams.routing.encoder_queues import EncoderQueues
from streams.settings import Settings
from streams.state.operator_changes import OperatorChangeLog
from streams.state.running_refits import RunningRefits
from streams.state.spending import SpendingStore
from streams.state.trial_counts import TrialCounts
from streams.status.status_reader import StatusReader


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Attributes:
    tally: told of every label that this process reads.
    services: that feed it.
    streams: end with the server.
    """

    routes: list[BaseRoute]
    services: list[ServiceT]
    tally: LabelTally
    streams: ViewStreams


def make_dashboard(
    parts: WorkerParts,
    check: CallerCheck,
    recent: RecentLabels,
    classifier: Classifier,
    sender: RecordSender,
    encoders: EncoderQueues,
) -> Dashboard:
    """The dashboard; making it opens nothing."""
    settings, tasks = parts.settings, parts.tasks
    streams, events, tally = ViewStreams(check), RecentEvents(), LabelTally(unix_ms)
    spending = SpendingStore(parts.connection, settings.keys)
    status_reader = StatusReader(parts.connection, settings.keys, settings.policies_kept)
    refits = RunningRefits(parts.connection, settings.keys)
    reader = ViewReader(status_reader, spending, refits, tasks, tally, unix_ms)
    deferred = _deferred_reader(parts, recent)
    names = TaskNames(tasks, tally.counts)
    dry_run = DryRun(tasks, status_reader.registry, encoders, classifier.masked)
    traces = NewestTraces(partial(_newest_traces, settings), parts.forgotten)
    reports = VersionReports(tasks, status_reader.registry, traces, write_in_process)
    versions = VersionsReader(tasks, status_reader, TrialCounts(parts.connection, settings.keys))
    what_if = WhatIfReader(status_reader, spending, tasks, tally.counts, unix_ms)
    routes: list[BaseRoute] = [
        *DashboardRoutes(streams, reader).routes(),
        *DaysRoutes(check, names, spending, tasks, unix_ms).routes(),
        *DeferredRoutes(check, names, deferred).routes(),
        *EventsRoutes(streams, names, events, unix_ms).routes(),
        *SystemRoutes(streams, _system_reader(parts).read).routes(),
        *TryRoutes(settings.gateway, check, names, tasks, dry_run, traces).routes(),
        *RequestRoutes(settings.gateway, check, names, tasks, recent, dry_run, traces).routes(),
        *LabelsRoutes(check, names, tasks, LabelsReader(tasks, status_reader), traces).routes(),
        *VersionsRoutes(check, names, versions, reports).routes(),
        *WhatIfRoutes(check, names, what_if).routes(),
        *_change_routes(parts, check, names, sender).routes(),
        *_replay_routes(parts, check, names, sender, deferred).routes(),
    ]
    feed = RecordFeed(settings.topics.events, EVENT, parts.open_tail, KEPT, events.note, is_needed=False)
    return Dashboard(routes, [feed], tally, streams)


def _change_routes(
    parts: WorkerParts, check: CallerCheck, names: TaskNames, sender: RecordSender
) -> ChangeRoutes:
    settings, kept = parts.settings, OperatorChangeLog(parts.connection, parts.settings.keys)
    writer = ConfigWriter(settings)

    async def write_config(decide: Decide) -> None:
        await asyncio.to_thread(writer.write, decide)

    maker = ChangeMaker(
        parts.tasks,
        parts.registry,
        kept,
        settings.topics,
        settings.key_env,
        sender.send_acknowledged,
        write_config,
        lambda: sender.is_stalled or not parts.kafka_watch.is_available,
    )
    reader = ChangesReader(parts.tasks, parts.registry, kept)

    def is_ready() -> bool:
        return parts.late_start is None or parts.late_start.is_over

    return ChangeRoutes(settings.gateway, check, names, reader, maker, is_ready, unix_ms)


def _replay_routes(
    parts: WorkerParts, check: CallerCheck, names: TaskNames, sender: RecordSender, deferred: DeferredReader
) -> ReplayRoutes:
    settings = parts.settings
    return ReplayRoutes(
        settings.gateway,
        check,
        names,
        LetterReplayer(settings, parts.forgotten),
        deferred.forget,
        sender.send_acknowledged,
        settings.topics.events,
        unix_ms,
    )


def _newest_traces(settings: Settings) -> list[Message]:
    """For a person who asks: see `NewestTraces`."""
    return newest_messages(lambda: open_reader(settings), settings.topics.traces, MOST, MOST_BYTES, SECONDS)


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
