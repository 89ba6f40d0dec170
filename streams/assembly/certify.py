"""The certify role: folds audits into certificates and alarms, and acts on them."""

import time
from collections.abc import Mapping

from streams.assembly.metrics import show_certificates
from streams.assembly.parts import WorkerParts
from streams.certify.observations import AUDITS, DEFERRALS, FAILURES, TRACES
from streams.certify.passed_by import PassedBy, Readers
from streams.certify.topic_log import TopicLog
from streams.drift.deferrals import DeferralReport
from streams.guard.heartbeat import GuardHeartbeat
from streams.kafka.backlog import GroupObserver, asked_lanes, oldest_unread
from streams.kafka.clients import open_group_observer, open_reader
from streams.kafka.topic_admin import TopicIds
from streams.roles import certify, config, learn
from streams.roles.backlog import BacklogWatch
from streams.rollout.alarm_response import AlarmResponse
from streams.rollout.trials import TrialJudge
from streams.settings import Settings
from streams.state.audits import AuditStore
from streams.state.fold_offsets import FoldOffsets
from streams.state.guard import GuardStore
from streams.state.known_labels import KnownLabels
from streams.state.redis_clock import RedisClock
from streams.state.trial_counts import TrialCounts


def add(parts: WorkerParts) -> None:
    """Add the role's agents and services to the worker."""
    topics, keys = parts.settings.topics, parts.settings.keys
    audits = AuditStore(parts.connection, keys)
    trial_counts = TrialCounts(parts.connection, keys)
    topic_ids = TopicIds(parts.settings)
    offsets, clock = FoldOffsets(parts.connection, keys), RedisClock(parts.connection)
    asked = {DEFERRALS: topics.deferrals, **({AUDITS: topics.audits} if topics.audit_lane else {})}
    topic_logs = {
        TRACES: _topic_log(parts, topic_ids, TRACES, topics.traces, certify.STAGE),
        **{
            stream: _topic_log(parts, topic_ids, stream, topic, certify.ASKED_STAGES[stream])
            for stream, topic in asked.items()
        },
        FAILURES: _topic_log(parts, topic_ids, FAILURES, topics.audit_failures, certify.FAILURES_STAGE),
    }
    certifier = certify.AuditCertifier(
        parts.tasks,
        topics,
        audits,
        offsets,
        topic_logs,
        parts.event_publisher,
        AlarmResponse(
            parts.tasks, parts.registry, parts.refit_queue(), audits.is_restorable, parts.event_publisher
        ),
        DeferralReport(parts.tasks, parts.registry, parts.refit_queue(), parts.event_publisher),
        TrialJudge(parts.tasks, parts.registry, trial_counts, parts.event_publisher),
        parts.registry.may_answer,
        KnownLabels(parts.registry),
        _passed_by(parts.settings),
        clock,
        clock.synchronize,
    )
    show_certificates(parts.metrics, certifier.statuses)
    parts.services.append(certifier)
    parts.services.append(_heartbeat(parts, offsets, topic_logs))
    parts.services.append(BacklogWatch(parts.settings, parts.tasks, parts.connection, parts.event_publisher))
    certify.install_traces(parts.app, parts.source(certify.STAGE, topics.traces), certifier)
    failures = parts.source(certify.FAILURES_STAGE, topics.audit_failures)
    certify.install_failures(parts.app, failures, certifier)
    for stream, topic in asked.items():
        channel = parts.source(certify.ASKED_STAGES[stream], topic)
        certify.install_asked(parts.app, channel, certifier, stream)
    config.install_events(
        parts.app, parts.source(config.STAGE, topics.config), topics, parts.settings.key_env
    )


def _heartbeat(
    parts: WorkerParts, offsets: FoldOffsets, topic_logs: Mapping[str, TopicLog]
) -> GuardHeartbeat:
    """Says until when everything in these topics is folded."""
    settings = parts.settings
    stages = {TRACES: certify.STAGE, FAILURES: certify.FAILURES_STAGE, **certify.ASKED_STAGES}
    observers = [
        (topic_log, GroupObserver(settings, f"{settings.prefix}.{stages[stream]}", topic_log.topic))
        for stream, topic_log in topic_logs.items()
    ]
    store = GuardStore(parts.connection, settings.keys)
    return GuardHeartbeat(store, offsets, observers, time.monotonic)


def _passed_by(settings: Settings) -> PassedBy:
    """Looks up how far the teachers are, and those who read what they reply."""
    topics, lanes = settings.topics, asked_lanes(settings.topics)
    recorded = {topics.traces: certify.STAGE, topics.audit_failures: certify.FAILURES_STAGE}

    def readers(stages: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple((f"{settings.prefix}.{stage}", topic) for topic, stage in stages.items())

    return PassedBy(
        lambda group, topic: oldest_unread(settings, group, topic),
        Readers(
            teacher=readers(lanes),
            asked=tuple(lanes),
            learn=readers({topics.replies: learn.STAGE}),
            certify=readers(recorded),
        ),
    )


def _topic_log(parts: WorkerParts, topic_ids: TopicIds, stream: str, topic: str, role: str) -> TopicLog:
    """A topic that certify folds, to be read again."""
    settings = parts.settings
    return TopicLog(
        stream,
        topic,
        reader=lambda: open_reader(settings),
        onlooker=lambda: open_group_observer(settings, role),
        identify=lambda: topic_ids.of(topic),
        batch=settings.batch,
    )
