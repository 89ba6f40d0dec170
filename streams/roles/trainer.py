"""trainer: learn from the traces, one refit at a time, and publish what passes the gate.

Reads all traces, in every trainer, so that a standby can take over at once; one of them, elected per task
through Redis, refits. The steps of a refit, in this order:

    1. the trigger says it is due, or somebody has asked for it, and the lease is ours
    2. fit and publish, or refuse (`streams.trainer.refit`)
    3. tell; requests are answered once something is published, or nothing better than what is live was found

While a version is on trial no other is fitted unless somebody asks: a trial that is replaced again and again
comes to no end.
"""

import logging
import time
from collections.abc import Iterable

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from mode import Service

from models.embedders.kinds import TEXT
from schemas.codec import TRACE
from schemas.errors import SchemaError
from schemas.messages import Forgotten, Trace
from schemas.vectors import vector
from streams.errors import StateUnavailable
from streams.kafka.batch import Batch
from streams.kafka.channel import BatchChannel
from streams.kafka.event_publisher import EventPublisher
from streams.kafka.message import as_bytes
from streams.privacy.forgotten import ForgottenRequests
from streams.sampling import audit_rate
from streams.state.lease import Leases
from streams.state.refit_queue import RefitQueue, RefitRequest
from streams.state.registry import Registry
from streams.tasks import Task, Tasks
from streams.trainer.refit import RefitPlan, RefitRunner
from streams.trainer.trace_selection import TraceCutoffs, certifying_traces, too_few
from streams.trainer.trigger import RefitAsked, RefitAttempt, refit_due, request_due, window_full
from streams.trainer.window import TraceWindow, usable_traces

log = logging.getLogger(__name__)

STAGE = "trainer"
_LOOK = 0.1
_HEAR = 0.5


class Trainer(Service):
    """Watches the windows and refits what is due, while the task's lease is held. Starts with full windows.

    Args:
        lease: seconds that a lease lasts; it is renewed three times in that.
        forgotten: whose traces no fit may use; filled by somebody else, who calls `forget` after that.
    """

    def __init__(
        self,
        live: Tasks,
        registry: Registry,
        leases: Leases,
        refits: RefitQueue,
        event_publisher: EventPublisher,
        lease: float,
        forgotten: ForgottenRequests | None = None,
    ) -> None:
        super().__init__()
        self._live = live
        self._registry = registry
        self._leases = leases
        self._refits = refits
        self._event_publisher = event_publisher
        self._lease = lease
        self._forgotten = forgotten or ForgottenRequests()
        self._windows: dict[str, TraceWindow] = {}
        self._attempts: dict[str, RefitAttempt] = {}
        self._tokens: dict[str, int] = {}
        self._asked: dict[str, list[RefitRequest]] = {}

    def learn(self, messages: Iterable[Message]) -> None:
        """Put traces into the windows of their tasks; one that no fit can use is left out."""
        for message in messages:
            try:
                trace = TRACE.decode(as_bytes(message.value()))
                if trace.first is not None or self._forgotten.covers_trace(trace):
                    continue
                if trace.embedder != TEXT and trace.features is not None:
                    vector(trace.features, None)
            except SchemaError as error:
                log.warning("a trace is ignored: %s", error)
                continue
            window = self._windows.setdefault(trace.task, TraceWindow())
            window.add(trace, self._live.task(trace.task).config.refit.window)

    def forget(self, forgotten: Forgotten) -> None:
        """Drop the task's traces that are to be forgotten; the fits from now on do without them."""
        window = self._windows.get(forgotten.task)
        dropped = window.discard(self._forgotten.covers_trace) if window else 0
        if dropped:
            log.info("task %s: dropped forgotten traces from the window, traces=%d", forgotten.task, dropped)

    async def on_start(self) -> None:
        self._releases = RefitRunner(self._registry, self._event_publisher)
        self.add_future(self._elect())
        self.add_future(self._watch())

    async def on_stop(self) -> None:
        self._releases.stop()
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
        token = await self._leases.acquire(name)
        if token is None:
            self._tokens.pop(name, None)
        elif self._tokens.get(name) != token:
            log.info("this trainer leads task %s with token %d", name, token)
            self._attempts[name] = await self._inherited(name)
            self._tokens[name] = token

    async def _inherited(self, name: str) -> RefitAttempt:
        """The last attempt as far as a new leader can know it: what the active policy had seen."""
        active = await self._registry.active(name)
        window = self._windows[name]
        return RefitAttempt(seen=window.seen - window.seen_since(active.since)) if active else RefitAttempt()

    async def _watch(self) -> None:
        heard = float("-inf")
        while not self.should_stop:
            hear = time.monotonic() - heard > _HEAR
            if hear:
                heard = time.monotonic()
                await self._hear()
            for name in list(self._tokens):
                # A request waits for traces that may certify; they are counted each time it is heard.
                if hear or name not in self._asked:
                    await self._look(self._live.task(name), self._windows[name])
            await self.sleep(_LOOK)

    async def _hear(self) -> None:
        """Learn who has asked for refits of the tasks that this trainer leads."""
        try:
            waiting = await self._refits.pending(set(self._tokens))
        except StateUnavailable:
            return
        self._asked = {}
        for request in waiting:
            self._asked.setdefault(request.task, []).append(request)

    async def _look(self, task: Task, window: TraceWindow) -> None:
        asked, attempt = self._asked.get(task.name, []), self._attempts[task.name]
        grown = refit_due(window.seen, attempt, task.config, time.monotonic())
        if not asked and not grown:
            return
        seen, traces = window.seen, usable_traces(window, task.config)
        if len(traces) < task.config.refit.at_least:
            return
        try:
            order = await self._ordered(task, traces, asked, grown=grown)
            if order is None:
                return
            await self._refit(order, asked)
        except StateUnavailable:
            return
        ended, tried = time.monotonic(), order.tried or attempt.tried
        self._attempts[task.name] = RefitAttempt(seen, ended, task.config, len(traces), tried)

    async def _ordered(
        self, task: Task, traces: list[Trace], asked: list[RefitRequest], *, grown: bool
    ) -> RefitPlan | None:
        """What to fit: for those who have asked, where enough may certify, or else because enough is new.

        After an alarm or a change of teacher also the latter waits until enough may certify, if more are to
        come: of few traces comes a version that answers little, and is taken for what the alarm has asked
        for; or none, and the next attempt is far.
        """
        serving_state = await self._registry.serving_state(task.name)
        teacher = await self._registry.teacher_since(task.name)
        stopped = serving_state.breaker.open
        if asked:
            since = TraceCutoffs(
                max([serving_state.certify_from, *(request.since for request in asked)]), teacher
            )
            window, fresh = self._windows[task.name], certifying_traces(traces, task.config, since)
            tried = RefitAsked(since.certify, fresh, window_full(len(window), fresh, task.config.refit))
            if request_due(tried, window.seen, self._attempts[task.name], task.config, time.monotonic()):
                return RefitPlan(task, traces, since, stopped, tried)
        since = TraceCutoffs(serving_state.certify_from, teacher)
        more = stopped or audit_rate(task.config, certified=True) > 0.0
        if not grown or serving_state.candidate is not None or (more and too_few(traces, task.config, since)):
            return None
        return RefitPlan(task, traces, since, stopped)

    async def _refit(self, order: RefitPlan, asked: Iterable[RefitRequest]) -> None:
        name = order.task.name
        serial = max(await self._registry.next_serial(name), self._windows[name].serial + 1)
        event, settled = await self._releases.made(order, serial, self._tokens[name])
        self._event_publisher.publish(event)
        if settled:
            await self._refits.acknowledge(one for one in asked if one.since <= order.since.certify)


def install(app: App, channel: BatchChannel, trainer: Trainer) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def traces(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled():
                trainer.learn(batch.messages)
