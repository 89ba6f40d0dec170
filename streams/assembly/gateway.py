"""The gateway role: the route role's decision behind HTTP, on policies, encoders and labels of its own."""

from collections.abc import Sequence

from confluent_kafka import Producer

from schemas.codec import LABEL
from schemas.messages import Label, Usage
from streams.assembly.dashboard import make_dashboard
from streams.assembly.parts import CloseService, WorkerParts
from streams.drift.watch import DriftWatch
from streams.drift.windows import ScoreWindows
from streams.gateway.app import create_gateway
from streams.gateway.batcher import RequestBatcher
from streams.gateway.call_limits import call_limits
from streams.gateway.caller_check import CallerCheck
from streams.gateway.chat_decider import ChatDecider
from streams.gateway.chat_recorder import AskedChat, ChatRecorder, CountReply
from streams.gateway.chat_routes import ChatRoutes
from streams.gateway.chat_service import ChatService
from streams.gateway.classifier import Classifier
from streams.gateway.classify_routes import ClassifyRoutes
from streams.gateway.direct_teacher import DirectTeacher
from streams.gateway.feedback_recorder import FeedbackRecorder
from streams.gateway.feedback_routes import FeedbackRoutes
from streams.gateway.forwarded_tasks import ForwardedTasks
from streams.gateway.key_copy import KeyCopy
from streams.gateway.key_ring import KeyRing
from streams.gateway.learned_tasks import LearnedTasks
from streams.gateway.otlp.routes import OtlpRoutes
from streams.gateway.otlp.span_recorder import SpanRecorder
from streams.gateway.rated_traffic import RatedTraffic
from streams.gateway.recent_labels import RecentLabels
from streams.gateway.record_sender import RecordSender
from streams.gateway.server import GatewayServer
from streams.gateway.stored_objects import StoredObjects
from streams.gateway.unread_replies import UnreadReplies
from streams.gateway.upstream import Upstream
from streams.kafka.clients import open_client, producer_options
from streams.kafka.record_feed import RecordFeed
from streams.privacy.mask import Mask, load_mask
from streams.routing.decision_counts import DecisionCounts
from streams.routing.request_router import RequestRouter
from streams.settings import Settings
from streams.state.api_keys import ApiKeys
from streams.state.object_owners import ObjectOwners
from streams.state.proposed_tasks import ProposedTasks
from streams.teacher.client import TeacherClient
from streams.teacher.key_variables import KeyVariables

_LONGEST_INLINE = 40_000
"""Characters that are scored on the event loop, about 2 ms; more in a thread."""
_BUFFERED_KB = 262_144
"""Records that wait while Kafka is away; what does not fit is dropped, and counted in the log."""


def add(parts: WorkerParts) -> None:
    """Add the role's services to the worker; the server comes last, so that it starts when all else has."""
    settings, gateway = parts.settings, parts.settings.gateway
    parts.check_audit_key()
    encoders = parts.open_encoders()
    parts.sync_policies()
    keys = KeyVariables.of_process(settings.key_env)
    traffic, client = ScoreWindows(), TeacherClient(keys)
    recent = RecentLabels(gateway.labels_kept)
    sender = RecordSender(lambda: _open_producer(settings), gateway.stalled_after, settings.drain)
    key_ring, budget = _key_ring(parts), parts.budget()
    batcher = RequestBatcher(_router(parts, traffic), gateway.batch, encoders)
    mask = load_mask(settings.mask) if settings.mask else None
    classifier = _classifier(
        parts, batcher, recent, sender, DirectTeacher(client, budget, parts.tracing), mask
    )
    check = CallerCheck(
        gateway.is_local, lambda: key_ring.keys, gateway.cors_origins, lambda: key_ring.were_keys
    )
    upstream = Upstream()
    recorder = ChatRecorder(
        classifier.record_given, upstream, budget, settings.drain, _reply_counter(parts), mask
    )
    forwarding = RequestBatcher(_forwarding_router(parts), gateway.batch, encoders)
    rated = RatedTraffic()
    decider = ChatDecider(batcher, forwarding, parts.sampler, rated)
    owners = ObjectOwners(parts.connection, settings.keys)
    stored = StoredObjects(parts.tasks, lambda: key_ring.keys, owners)
    chat = ChatService(parts.tasks, classifier, decider, recorder, upstream, stored, keys)
    proposed = ProposedTasks(parts.connection, settings.keys)
    learned = LearnedTasks(parts.tasks, proposed, settings.poll, mask)
    feedback = FeedbackRecorder(parts.tasks, settings.topics, recent, sender, classifier, parts.forgotten)
    spans = SpanRecorder(
        parts.tasks,
        settings.topics,
        decider,
        classifier,
        recorder,
        learned,
        sender,
        parts.sizes,
    )
    dashboard = make_dashboard(parts, check, recent, classifier, sender, encoders)
    routes = [
        *ClassifyRoutes(gateway, check, classifier, recent).routes(),
        *ChatRoutes(gateway, check, parts.tasks, chat, learned).routes(),
        *FeedbackRoutes(gateway, check, feedback).routes(),
        *OtlpRoutes(gateway, check, spans).routes(),
        *dashboard.routes,
    ]
    app = create_gateway(gateway, routes, call_limits(gateway), parts.tracing)
    labels, late = settings.topics.labels, parts.late_start

    def take_labels(newest: Sequence[Label]) -> None:
        recent.keep_all(newest)
        rated.note_labels(newest)
        dashboard.tally.note(newest)

    if late is not None:
        late.expect(labels)
    parts.services += [
        DriftWatch(parts.tasks, traffic, parts.refit_queue(), parts.event_publisher),
        CloseService(client, upstream),
        key_ring,
        sender,
        recorder,
        learned,
        RecordFeed(labels, LABEL, parts.open_tail, gateway.labels_kept, take_labels, late),
        *dashboard.services,
        GatewayServer(app, gateway, settings.drain, dashboard.streams.end),
    ]


def _key_ring(parts: WorkerParts) -> KeyRing:
    settings = parts.settings
    file = settings.data / "api-keys" / f"{settings.prefix}.json"
    copy = KeyCopy(file, settings.gateway.keys_valid_for)
    return KeyRing(ApiKeys(parts.connection, settings.keys), settings.poll, copy)


def _classifier(
    parts: WorkerParts,
    batcher: RequestBatcher,
    recent: RecentLabels,
    sender: RecordSender,
    teacher: DirectTeacher,
    mask: Mask | None,
) -> Classifier:
    settings = parts.settings
    return Classifier(
        parts.tasks,
        settings.topics,
        parts.sampler,
        batcher,
        recent,
        sender,
        teacher,
        lambda: parts.connection.is_available,
        lambda: parts.late_start is None or parts.late_start.is_over,
        acknowledged=settings.gateway.ack == "kafka",
        sizes=parts.sizes,
        count_labels=parts.spending().count_labels,
        mask=mask,
    )


def _reply_counter(parts: WorkerParts) -> CountReply:
    unread = UnreadReplies(parts.event_publisher.publish)

    def count(asked: AskedChat, *, was_read: bool, usage: Usage | None) -> None:
        task = asked.deferral.request.task
        parts.spending().add_reply(task, asked.teacher.model, was_read=was_read, usage=usage)
        unread.note(task, was_read=was_read)

    return count


def _router(parts: WorkerParts, traffic: ScoreWindows) -> RequestRouter:
    """Decides for answers; what it decides is traffic of the live version."""
    return RequestRouter(
        parts.tasks,
        parts.sampler,
        DecisionCounts(parts.metrics).count,
        _LONGEST_INLINE,
        parts.unknown_tasks().refusal,
        count_traffic=traffic.count,
    )


def _forwarding_router(parts: WorkerParts) -> RequestRouter:
    """Decides what is only recorded; its scores are no traffic of the live version."""
    tasks = ForwardedTasks(parts.tasks)
    return RequestRouter(tasks, parts.sampler, lambda *_: None, _LONGEST_INLINE)


def _open_producer(settings: Settings) -> Producer:
    """Where a client waits for what is produced, it lingers less than other roles' records."""
    linger = 1 if settings.gateway.ack == "kafka" else 5
    ours = {"linger.ms": linger, "queue.buffering.max.kbytes": _BUFFERED_KB}
    return open_client(Producer, {**producer_options(settings), **ours, **settings.producer})
