"""The Faust application: which agents and services a worker of some roles is made of, and in which order.

    faust -A streams.app worker     runs the roles of UNDERSTUDY_ROLES, by default all

Agents start first, then what they rely on (config, policies), then the sources, so that no request is judged
by a config or a policy that is out of date. A trainer's traces come last: reading them may take a while. All
stop in the opposite order.
"""

import logging
import os
import secrets
from collections.abc import Iterable

import faust
from faust.app.base import BootStrategy
from mode import Service, ServiceT

from streams.certify.observations import DEFERRALS, TRACES
from streams.certify.topic_log import TopicLog
from streams.clock import steady_ms
from streams.drift.watch import DriftWatch
from streams.gc_tuning import freeze_startup_objects
from streams.kafka.channel import BatchChannel
from streams.kafka.clients import largest_message
from streams.kafka.connect import open_group_observer, open_reader, open_role, open_writer
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.event_publisher import EventPublisher
from streams.kafka.source import Source
from streams.kafka.tail import Tail
from streams.kafka.topics import TopicIds
from streams.roles import certify, config, learn, route, teacher, trainer
from streams.rollout.alarm_response import AlarmResponse
from streams.rollout.disk_cache import PolicyDiskCache
from streams.rollout.policy_sync import PolicySync
from streams.rollout.trials import TrialJudge
from streams.routing.encoder_pool import EncoderPool
from streams.sampling import Sampler
from streams.settings import Role, Settings, load_settings
from streams.slots import Slot
from streams.state.audits import AuditStore
from streams.state.connection import Connection
from streams.state.fold_offsets import FoldOffsets
from streams.state.lease import Leases
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.state.reply_dedup import ReplyDedup
from streams.state.trial_counts import TrialCounts
from streams.tasks import Tasks
from streams.teacher.client import TeacherClient

log = logging.getLogger(__name__)


class NoKafkaBoot(BootStrategy):
    """Faust's own Kafka clients and web server stay off: the sources move the bytes."""

    enable_kafka = False
    enable_web = False


class Understudy(faust.App):
    """A worker of some roles.

    Attributes:
        services: started in this order once the agents run.
    """

    BootStrategy = NoKafkaBoot

    def __init__(self, settings: Settings, roles: Iterable[Role]) -> None:
        super().__init__(settings.prefix, web_enabled=False, autodiscover=False, datadir=settings.data)
        self.services: list[ServiceT] = []
        _WorkerAssembly(self, settings).add(frozenset(roles))

    async def on_started_init_extra_services(self) -> None:
        await super().on_started_init_extra_services()
        for service in self.services:
            await self.add_runtime_dependency(service)
        freeze_startup_objects()


class _WorkerAssembly:
    """Puts the parts of a worker together; opens nothing yet."""

    def __init__(self, app: Understudy, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._live = Tasks()
        self._connection = Connection(**{"url": "redis://127.0.0.1:6379/0", **settings.redis})
        self._registry = Registry(self._connection, settings.keys, settings.policies_kept)
        self._announcer = EventPublisher(lambda: open_writer(settings), settings.topics.events)
        self._slot = _SlotService(settings)
        self._identities = TopicIds(settings)

    def add(self, roles: frozenset[Role]) -> None:
        self._app.services += [self._slot, _CloseService(self._connection, self._announcer)]
        config.install_reader(self._app, self._tail(self._settings.topics.config), self._live)
        for role, add in (
            ("route", self._route),
            ("teacher", self._teacher),
            ("learn", self._learn),
            ("certify", self._certify),
            ("trainer", self._trainer),
        ):
            if role in roles:
                add()

    def _route(self) -> None:
        settings = self._settings
        copies = PolicyDiskCache(settings.data / "policies" / settings.prefix)
        # Encoders first: a policy that waits for one would be told of.
        self._app.services.append(EncoderPool(self._live))
        self._app.services.append(PolicySync(self._live, self._registry, copies, settings.poll))
        if settings.delivery == "exactly_once" and "audit_key" not in settings.model_fields_set:
            log.warning(
                "the audit key is the public default: clients can tell what is audited (UNDERSTUDY_AUDIT_KEY)"
            )
        router = route.RouteRole(self._live, settings.topics, self._auditor())
        route.install(self._app, self._source(route.STAGE, settings.topics.requests), router)
        refits = RefitQueue(self._connection, settings.keys, _unique_name(settings), settings.lease)
        self._app.services.append(DriftWatch(self._live, router.traffic, refits, self._announcer))

    def _teacher(self) -> None:
        asker = TeacherClient()
        self._app.services.append(_CloseService(asker))
        desk = teacher.TeacherRole(self._live, self._settings.topics, asker)
        most = min(teacher.MOST, self._settings.batch)
        # A batch may take long: none waits in a transaction that another one has opened.
        channel = self._source(
            teacher.STAGE, self._settings.topics.deferrals, batch=most, commit_interval=0.0
        )
        teacher.install(self._app, channel, desk)

    def _learn(self) -> None:
        replies = ReplyDedup(self._connection, self._settings.keys, self._settings.reply_memory)
        learner = learn.ReplyRecorder(self._live, self._settings.topics, self._auditor(), replies)
        learn.install(self._app, self._source(learn.STAGE, self._settings.topics.replies), learner)

    def _certify(self) -> None:
        settings, topics, keys = self._settings, self._settings.topics, self._settings.keys
        audits = AuditStore(self._connection, keys)
        refits = RefitQueue(self._connection, keys, _unique_name(settings), settings.lease)
        consequences = AlarmResponse(self._live, self._registry, refits, audits.stands, self._announcer)
        certifier = certify.AuditCertifier(
            self._live,
            topics,
            audits,
            FoldOffsets(self._connection, keys),
            {
                TRACES: self._log(TRACES, topics.traces, certify.STAGE),
                DEFERRALS: self._log(DEFERRALS, topics.deferrals, certify.ASKED_STAGE),
            },
            self._auditor(),
            self._announcer,
            consequences,
            TrialJudge(self._live, self._registry, TrialCounts(self._connection, keys), self._announcer),
            self._registry.may_answer,
            steady_ms,
        )
        self._app.services.append(certifier)
        traces = self._source(certify.STAGE, topics.traces)
        deferrals = self._source(certify.ASKED_STAGE, topics.deferrals)
        certify.install(self._app, traces, deferrals, certifier)
        config.install_events(self._app, self._source(config.STAGE, topics.config), topics)

    def _trainer(self) -> None:
        settings = self._settings
        name, lease = _unique_name(settings), settings.lease
        leases = Leases(self._connection, settings.keys, name, lease)
        refits = RefitQueue(self._connection, settings.keys, name, lease)
        role = trainer.Trainer(self._live, self._registry, leases, refits, self._announcer, lease)
        trainer.install(self._app, self._tail(settings.topics.traces), role)
        self._app.services.append(role)

    def _source(
        self, role: str, topic: str, batch: int | None = None, commit_interval: float | None = None
    ) -> BatchChannel:
        """The channel of a source that is added to the services."""
        settings, channel = self._settings, BatchChannel(self._app)
        self._app.services.append(
            Source(
                role,
                topic,
                channel,
                lambda: open_role(settings, role, self._slot.name),
                dead_letters=DeadLetters(settings.topics.dead_letters, role),
                batch=batch or settings.batch,
                commit_interval=settings.commit_interval if commit_interval is None else commit_interval,
                drain=settings.drain,
                largest=largest_message(settings),
            )
        )
        return channel

    def _auditor(self) -> Sampler:
        return Sampler(self._settings.audit_key.get_secret_value().encode())

    def _log(self, stream: str, topic: str, role: str) -> TopicLog:
        """A topic that certify folds, to be read again."""
        settings = self._settings
        return TopicLog(
            stream,
            topic,
            reader=lambda: open_reader(settings),
            onlooker=lambda: open_group_observer(settings, role),
            identify=lambda: self._identities.of(topic),
            batch=settings.batch,
        )

    def _tail(self, topic: str) -> BatchChannel:
        """The channel of a whole topic's reader, which is added to the services."""
        settings, channel = self._settings, BatchChannel(self._app)
        self._app.services.append(Tail(topic, channel, lambda: open_reader(settings), batch=settings.batch))
        return channel


class _SlotService(Service):
    """This worker's name among those of its roles, taken at start."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self.name = settings.slot or ""

    async def on_start(self) -> None:
        if not self.name:
            self._slot = Slot(self._settings.data / "slots" / self._settings.prefix)
            self.name = f"{self._settings.host}.{self._slot.number}"


class _CloseService(Service):
    """Closes what the services started after it rely on, once these have stopped."""

    def __init__(self, *resources: Connection | EventPublisher | TeacherClient) -> None:
        super().__init__()
        self._resources = resources

    async def on_stop(self) -> None:
        for resource in self._resources:
            await resource.aclose()


def _unique_name(settings: Settings) -> str:
    return f"{settings.host}.{os.getpid()}.{secrets.token_hex(4)}"


def create_app(settings: Settings, roles: Iterable[Role] | None = None) -> Understudy:
    """The application that runs `roles`, by default those of the settings."""
    return Understudy(settings, settings.roles if roles is None else roles)


def __getattr__(name: str) -> Understudy:
    """`streams.app:app`, made from this process's settings when Faust's command line asks for it."""
    if name == "app":
        return create_app(load_settings())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
