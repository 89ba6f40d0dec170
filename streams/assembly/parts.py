"""The parts that roles share in one worker: its tasks, its connection to Redis, its sources and tails.

Making them opens nothing; the services do that when they start.
"""

import os
import secrets
import time
from dataclasses import dataclass, field
from typing import Protocol

import faust
from confluent_kafka import Consumer
from mode import Service, ServiceT

from schemas.secrets import remember_secrets
from streams.assembly.tracing import open_tracing
from streams.budget.call_budget import CallBudget
from streams.budget.spending_log import SpendingLog
from streams.clock import unix_ms
from streams.errors import InvalidSettings
from streams.guard.watch import GuardWatch
from streams.kafka.channel import BatchChannel, LaneChannel
from streams.kafka.clients import open_role, open_tail, open_writer
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.delivery import Delivery
from streams.kafka.event_publisher import EventPublisher
from streams.kafka.group_member import GroupMember, OpenClients
from streams.kafka.kafka_watch import KafkaWatch, probe_kafka
from streams.kafka.lane import Claims, Lane
from streams.kafka.late_start import LateStart
from streams.kafka.member_metrics import ConsumerLag, MeteredBatches, MeteredDelivery, MeteredLane
from streams.kafka.own_fence import OwnFence
from streams.kafka.size_limits import SizeLimitsWatch
from streams.kafka.source import Source
from streams.kafka.tail import Tail
from streams.kafka.topic_admin import create_missing
from streams.metrics.health import Health
from streams.metrics.registry import MetricRegistry
from streams.privacy.forgotten import ForgottenRequests
from streams.roles import forget
from streams.rollout.disk_cache import PolicyDiskCache
from streams.rollout.policy_remover import PolicyRemover
from streams.rollout.policy_sync import PolicySync
from streams.routing.encoder_identity import EncoderIdentity
from streams.routing.encoder_pool import EncoderPool
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.unknown_tasks import UnknownTasks
from streams.sampling import Sampler
from streams.settings import PUBLIC_AUDIT_KEY, Role, Settings, secrets_of
from streams.slots import Slot
from streams.spending.encoder_use import encoder_amounts
from streams.state.connection import Connection
from streams.state.encoder_references import EncoderReferences
from streams.state.guard import GuardStore
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.state.spending import SpendingStore
from streams.state.workers import WorkerReport, WorkerStore
from streams.status.worker_heartbeat import WorkerHeartbeat
from streams.tasks import Tasks

_WINDOW = 4_000
_WINDOW_BYTES = 64_000_000
_LANE_BATCH = 500
_LATE_ANSWER = 5.0
"""Seconds for each answer of a Kafka that may be away."""
_UNAWAITED_COMMIT = 0.1
"""Seconds between commits that nobody waits for."""
_LANE_COMMIT = 0.05
"""Seconds: a reply is seen by nobody before it is committed."""


class Closable(Protocol):
    """A client that holds connections."""

    async def aclose(self) -> None: ...


@dataclass
class WorkerParts:
    """The parts of one worker.

    Attributes:
        services: started in this order once the agents run.
        roles: of this worker.
        late_start: of a worker that starts although Kafka is away; None for one that does not start.
        name: of this process, unique; it signs leases and refit requests.
        forgotten: the requests that are to be forgotten.
        on_forgotten: who else is called with each record of the topic `forgotten`.
    """

    app: faust.App
    settings: Settings
    late_start: LateStart | None = None
    roles: tuple[Role, ...] = ()
    services: list[ServiceT] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.settings
        remember_secrets(secrets_of(settings))
        self.tasks = Tasks()
        self.metrics = MetricRegistry()
        self.health = Health()
        self.connection = Connection(**settings.redis)
        self.registry = Registry(self.connection, settings.keys, settings.policies_kept)
        self.event_publisher = EventPublisher(lambda: open_writer(settings), settings.topics.events)
        self.sampler = Sampler(settings.audit_key.get_secret_value().encode())
        self.name = f"{settings.host}.{os.getpid()}.{secrets.token_hex(4)}"
        self.tracing, export = open_tracing(settings, self.name)
        self.forgotten = ForgottenRequests()
        self.on_forgotten: list[forget.Listener] = [self.forgotten.add]
        self._has_policies = False
        self._spending: SpendingLog | None = None
        self._budget: CallBudget | None = None
        self._encoders: EncoderQueues | None = None
        self._slot = _SlotService(settings)
        self._sizes_watch = SizeLimitsWatch(settings, waits=self.late_start is None)
        self.sizes = self._sizes_watch.limits
        self.kafka_watch = KafkaWatch(lambda: probe_kafka(settings))
        report = WorkerReport(self.name, settings.host, self.roles, unix_ms())
        store = WorkerStore(self.connection, settings.keys)
        self.heartbeat = WorkerHeartbeat(store, report, self.health.not_ready)
        self.services += [self._slot, self.kafka_watch, self._sizes_watch]
        self.services += [*export, CloseService(self.connection, self.event_publisher), self.heartbeat]

    def check_audit_key(self) -> None:
        """Raises InvalidSettings: the audit key is the default that everybody knows."""
        if self.settings.audit_key.get_secret_value() == PUBLIC_AUDIT_KEY:
            problem = (
                "`audit_key` (UNDERSTUDY_AUDIT_KEY): it is the public default, by which clients can tell "
                "what is audited; set it to a secret, the same for all workers"
            )
            raise InvalidSettings([problem])

    def unknown_tasks(self) -> UnknownTasks:
        """The cap on tasks that nobody has configured."""
        return UnknownTasks(self.tasks, self.settings.unknown_tasks, self.event_publisher.publish)

    def refit_queue(self) -> RefitQueue:
        return RefitQueue(self.connection, self.settings.keys)

    def open_encoders(self) -> EncoderQueues:
        """Open the encoders that tasks name; once, whichever roles ask for it. The queues of their texts."""
        if self._encoders is None:
            spending = self.spending()
            self._encoders = EncoderQueues(
                self.sampler,
                lambda task, encoder, use: spending.add(task, encoder_amounts(encoder, use)),
            )
            identity = EncoderIdentity(EncoderReferences(self.connection, self.settings.keys))
            pool = EncoderPool(self.tasks, identity.check)
            self.heartbeat.show_encoders(pool.reports)
            self.services += [pool, self._encoders]
        return self._encoders

    def sync_policies(self) -> None:
        """Keep the tasks' policies as the registry has them; once, whichever roles ask for it."""
        if not self._has_policies:
            self._has_policies = True
            cache = PolicyDiskCache(self.settings.data / "policies" / self.settings.prefix)
            self.on_forgotten.append(PolicyRemover(self.tasks, cache).forget)
            self.services.append(PolicySync(self.tasks, self.registry, cache, self.settings.poll))
            guard = GuardStore(self.connection, self.settings.keys)
            self.services.append(GuardWatch(self.tasks, guard, self.settings.poll, time.monotonic))

    def spending(self) -> SpendingLog:
        """The log of what this process spends and saves; one, whichever roles ask for it."""
        if self._spending is None:
            store = SpendingStore(self.connection, self.settings.keys)
            self._spending = SpendingLog(store, self.tasks, self.event_publisher.publish, self.metrics)
            self.services.append(self._spending)
        return self._spending

    def budget(self) -> CallBudget:
        """The budget of this process's calls; one, since it numbers them and keeps the process's share."""
        if self._budget is None:
            store = SpendingStore(self.connection, self.settings.keys)
            self._budget = CallBudget(store, self.spending(), self.name)
        return self._budget

    def read_forgotten(self) -> None:
        """Read the topic `forgotten` to its end, before what is added after this starts."""
        forget.install(self.app, self.tail(self.settings.topics.forgotten), self.on_forgotten)

    def source(
        self,
        role: str,
        topic: str,
        batch: int | None = None,
        commit_interval: float | None = None,
        dead_letters: DeadLetters | None = None,
    ) -> BatchChannel:
        """The channel of a source that is added to the services."""
        settings, channel = self.settings, MeteredBatches(self.app, self.metrics, role)
        at_once = batch or settings.batch
        self._add_member(
            Source(
                role,
                topic,
                channel,
                self._open_member(role, topic, at_once),
                dead_letters=dead_letters or DeadLetters(settings.topics.dead_letters, role),
                batch=at_once,
                commit_interval=self._commit_interval if commit_interval is None else commit_interval,
                commits_when_idle=settings.delivery == "exactly_once",
                drain=settings.drain,
                sizes=self.sizes,
                read_sizes=self._sizes_watch.read,
            )
        )
        return channel

    def lane(
        self,
        role: str,
        topic: str,
        claims: Claims,
        overflow: str | None = None,
        *,
        window: int = _WINDOW,
        pauses_when_crowded: bool = False,
    ) -> LaneChannel:
        """The channel of a lane that is added to the services; for the arguments see `Lane`."""
        settings, channel = self.settings, MeteredLane(self.app, self.metrics, role)
        batch = min(_LANE_BATCH, settings.batch)
        self._add_member(
            Lane(
                role,
                topic,
                channel,
                self._open_member(role, topic, batch),
                window=window,
                window_bytes=_WINDOW_BYTES,
                claims=claims,
                overflow=overflow,
                pauses_when_crowded=pauses_when_crowded,
                dead_letters=DeadLetters(settings.topics.dead_letters, role),
                batch=batch,
                commit_interval=min(_LANE_COMMIT, settings.commit_interval),
                drain=settings.drain,
                sizes=self.sizes,
                read_sizes=self._sizes_watch.read,
            )
        )
        return channel

    @property
    def _commit_interval(self) -> float:
        """Without transactions outputs are read before they are committed: nobody waits for a commit."""
        settings = self.settings
        if settings.delivery == "at_least_once":
            return max(settings.commit_interval, _UNAWAITED_COMMIT)
        return settings.commit_interval

    def _open_member(self, role: str, topic: str, batch: int) -> OpenClients:
        """Opens the clients of a role, whose metrics this process shows."""
        settings, lag = self.settings, ConsumerLag(self.metrics, role, topic)
        watched = None if settings.metrics.port is None else lag.options()
        own_fence = OwnFence()

        def opened() -> tuple[Consumer, Delivery]:
            smallest = self.sizes.smallest_batch
            consumer, delivery = open_role(
                settings, role, self._slot.name, batch, watched, smallest, own_fence
            )
            return consumer, MeteredDelivery(delivery, self.metrics, role, settings.topics.dead_letters)

        return opened

    def _add_member(self, member: GroupMember) -> None:
        """Start it with the services; the process is ready once it knows its partitions, be it none."""
        self.services.append(member)
        self.health.add_check(
            lambda: None if member.knows_partitions else f"{member.role} has not joined its group"
        )

    def tail(self, topic: str) -> BatchChannel:
        """The channel of a whole topic's reader, which is added to the services."""
        channel, late = BatchChannel(self.app), self.late_start
        if late is not None:
            late.expect(topic)
        self.services.append(Tail(topic, channel, self.open_tail, batch=self.settings.batch, late_start=late))
        return channel

    def open_tail(self) -> Consumer:
        """A consumer that is in no group. At a late start it makes the topics first.

        Raises:
            KafkaFailed: the broker can't be reached, or refuses to make the topics.
        """
        if self.late_start is not None:
            create_missing(self.settings, _LATE_ANSWER)
        return open_tail(self.settings)


class CloseService(Service):
    """Closes what the services started after it rely on, once these have stopped."""

    def __init__(self, *resources: Closable) -> None:
        super().__init__()
        self._resources = resources

    async def on_stop(self) -> None:
        for resource in self._resources:
            await resource.aclose()


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
