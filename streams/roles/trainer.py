"""trainer: learn from the traces, one refit at a time, and publish what passes the gate.

Reads all traces, in every trainer, so that a standby can take over at once; one of them, elected per task
through Redis, refits. The steps of a refit, in this order:

    1. the trigger says it is due, and the lease is ours
    2. fit in a child process, starting from the active policy
    3. publish with the fencing token: whoever lost the lease meanwhile is refused
    4. tell: promoted, or refused and why
"""

import asyncio
import logging
import time
from collections.abc import Iterable

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from mode import Service

from models.fit import FitResult
from schemas.codec import TRACE
from schemas.errors import InvalidVector, SchemaError
from schemas.messages import Event, Trace
from schemas.vectors import vector
from streams.clock import unix_ms
from streams.errors import RefitFailed, StateUnavailable
from streams.kafka.announcer import Announcer
from streams.kafka.batch import Batch
from streams.kafka.channel import BatchChannel
from streams.kafka.context import as_bytes
from streams.live import Live, Task
from streams.state.lease import Leases
from streams.state.registry import Registry
from streams.trainer.account import begun, promoted, refused
from streams.trainer.refitter import Job, Refitter
from streams.trainer.trigger import Attempt, due
from streams.trainer.window import TEXT, Window, teachers, training_set, usable

log = logging.getLogger(__name__)

STAGE = "trainer"
_LOOK = 0.1


class Trainer(Service):
    """Watches the windows and refits what is due, while the task's lease is held. Starts with full windows.

    Args:
        lease: seconds that a lease lasts; it is renewed three times in that.
    """

    def __init__(
        self,
        live: Live,
        registry: Registry,
        leases: Leases,
        announcer: Announcer,
        lease: float,
    ) -> None:
        super().__init__()
        self._live = live
        self._registry = registry
        self._leases = leases
        self._announcer = announcer
        self._lease = lease
        self._windows: dict[str, Window] = {}
        self._attempts: dict[str, Attempt] = {}
        self._tokens: dict[str, int] = {}

    def learn(self, messages: Iterable[Message]) -> None:
        """Put traces into the windows of their tasks; one that no fit could use is left out."""
        for message in messages:
            try:
                trace = TRACE.decode(as_bytes(message.value()))
                if trace.embedder != TEXT:
                    vector(trace.features or b"", None)
            except SchemaError as error:
                log.warning("a trace is ignored: %s", error)
                continue
            window = self._windows.setdefault(trace.task, Window())
            window.add(trace, self._live.task(trace.task).config.refit.window)

    async def on_start(self) -> None:
        self._refitter = Refitter()
        self.add_future(self._elect())
        self.add_future(self._watch())

    async def on_stop(self) -> None:
        self._refitter.stop()
        try:
            await self._leases.release()
        except StateUnavailable as error:
            log.info("leases are left to expire: %s", error)

    async def _elect(self) -> None:
        while not self.should_stop:
            for name in list(self._windows):
                try:
                    await self._hold(name)
                except StateUnavailable:
                    self._tokens.pop(name, None)
            await self.sleep(self._lease / 3)

    async def _hold(self, name: str) -> None:
        token = await self._leases.held(name)
        if token is None:
            self._tokens.pop(name, None)
        elif self._tokens.get(name) != token:
            log.info("this trainer leads task %s with token %d", name, token)
            self._attempts[name] = await self._inherited(name)
            self._tokens[name] = token

    async def _inherited(self, name: str) -> Attempt:
        """The last attempt as far as a new leader can know it: what the active policy had seen."""
        active = await self._registry.active(name)
        window = self._windows[name]
        return Attempt(seen=window.seen - window.seen_since(active.since)) if active else Attempt()

    async def _watch(self) -> None:
        while not self.should_stop:
            for name in list(self._tokens):
                window, attempt, task = self._windows[name], self._attempts[name], self._live.task(name)
                if due(window.seen, attempt, task.config, time.monotonic()):
                    await self._refit(task, window.seen, usable(window, task.config))
            await self.sleep(_LOOK)

    async def _refit(self, task: Task, seen: int, traces: list[Trace]) -> None:
        token = self._tokens[task.name]
        if len(traces) < task.config.refit.at_least:
            return
        try:
            serial = await self._registry.next_serial(task.name)
            self._announcer.tell(await self._outcome(task, traces, serial, token))
        except StateUnavailable:
            return
        self._attempts[task.name] = Attempt(seen, time.monotonic(), task.config, len(traces))

    async def _outcome(self, task: Task, traces: list[Trace], serial: int, token: int) -> Event:
        version = f"v{serial}"
        try:
            result = await self._fitted(task, traces, version)
        except (RefitFailed, InvalidVector) as error:
            log.error("%s", error)
            return refused(task.name, version, [str(error)], unix_ms())
        if result.artifact is None:
            return refused(task.name, version, result.refused, unix_ms())
        if await self._registry.publish(task.name, version, serial, token, result.artifact, unix_ms()):
            return promoted(task.name, task.config.target_agreement, result.summary, unix_ms())
        return refused(task.name, version, ["another trainer leads by now"], unix_ms())

    async def _fitted(self, task: Task, traces: list[Trace], version: str) -> FitResult:
        config = task.config
        newest = max((trace.replied_at for trace in traces), default=0)
        self._announcer.tell(begun(task.name, version, len(traces), newest, unix_ms()))
        active = await self._registry.active(task.name)
        job = Job(
            training=await asyncio.to_thread(training_set, traces, config),
            task=task.name,
            version=version,
            embedder=config.embedder,
            targets=(config.target_agreement,),
            delta=config.delta,
            parent=await self._registry.fetch(task.name, active.version) if active else None,
            teachers=teachers(traces),
        )
        return await self._refitter.fitted(job, config.refit.budget)


def install(app: App, channel: BatchChannel, trainer: Trainer) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def traces(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled():
                trainer.learn(batch.messages)
