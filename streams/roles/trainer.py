"""trainer: refit policies on the traces, one refit at a time, and publish those that pass the gate.

Reads all traces, in every trainer, so that a standby can take over at once; one of them, elected per task
through Redis, refits. Alarms come first, then the task whose last refit is longest ago. The steps of a refit,
in this order:

    1. the trigger says it is due, or a refit was requested, and this trainer holds the lease
    2. fit and publish, or refuse (`streams.trainer.refit`)
    3. emit the event; a request is done once a version is published, or none better than the live one found

While a version is on trial no other is fitted unless a refit is requested: a trial that is replaced again and
again never ends.
"""

import logging
import time
from collections.abc import Callable, Iterable

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from mode import Service
from msgspec.structs import replace

from models.embedders.kinds import TEXT
from schemas.codec import TRACE
from schemas.errors import SchemaError
from schemas.messages import Forgotten, Trace
from schemas.vectors import decode_vector
from streams.clock import unix_ms
from streams.errors import StateUnavailable
from streams.kafka.batch import Batch
from streams.kafka.channel import BatchChannel
from streams.kafka.event_publisher import EventPublisher
from streams.kafka.message import as_bytes
from streams.label_set import LabelSet
from streams.outage import Outage, Outages
from streams.privacy.forgotten import ForgottenRequests
from streams.sampling import SamplingState, audit_rate
from streams.state.known_labels import KnownLabels
from streams.state.lease import Leases
from streams.state.refit_queue import RefitQueue, RefitRequest
from streams.state.registry import Registry
from streams.state.running_refits import RunningRefit, RunningRefits
from streams.tasks import Task, Tasks
from streams.trainer.audit_evidence import refuted_promise
from streams.trainer.events import promise_missed_event
from streams.trainer.refit import RefitPlan, RefitRunner
from streams.trainer.refit_note import RefitNote
from streams.trainer.trace_labels import label_count
from streams.trainer.trace_selection import TraceCutoffs, certifying_traces, too_few
from streams.trainer.trigger import (
    RefitAsked,
    RefitAttempt,
    labels_due,
    refit_due,
    request_due,
    window_full,
)
from streams.trainer.truths import Truths
from streams.trainer.window import TraceWindow, usable_traces
from streams.versions.serving_state import ServingState

log = logging.getLogger(__name__)

STAGE = "trainer"
_CHECK = 0.1
_READ_REQUESTS = 0.5
_COUNT = 3.0
_LOOKED_AT = 100_000
"""Traces a second that looks at whole windows may cost: the event loop waits for a look."""
_LONGEST_PAUSE = 30.0


class Trainer(Service):
    """Watches the windows and refits what is due, while the task's lease is held. Starts with full windows.

    Args:
        lease: seconds that a lease lasts; it is renewed three times in that.
        forgotten: whose traces no fit may use; filled by somebody else, who calls `forget` after that.
        count_refit: told of each refit's task and seconds.
        truths: right labels of requests; filled by somebody else.
        clock: Unix milliseconds.
        running: where it says what it fits now; None: nowhere.
    """

    def __init__(
        self,
        tasks: Tasks,
        registry: Registry,
        leases: Leases,
        refits: RefitQueue,
        event_publisher: EventPublisher,
        lease: float,
        forgotten: ForgottenRequests | None = None,
        count_refit: Callable[[str, float], None] | None = None,
        truths: Truths | None = None,
        clock: Callable[[], int] = unix_ms,
        running: RunningRefits | None = None,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._count_refit = count_refit
        self._truths = truths or Truths()
        self._live_tasks = tasks
        self._registry = registry
        self._leases = leases
        self._refits = refits
        self._event_publisher = event_publisher
        self._lease = lease
        self._note = RefitNote(running, lease)
        self._forgotten = forgotten or ForgottenRequests()
        self._windows: dict[str, TraceWindow] = {}
        self._attempts: dict[str, RefitAttempt] = {}
        self._tokens: dict[str, int] = {}
        self._unrenewed = Outage(
            log, "leases can't be renewed, nothing is refitted", "leases are renewed again"
        )
        self._lost = Outages(log, "trainer has lost the lease", "trainer has the lease again")
        self._requests: dict[str, RefitRequest] = {}
        self._requests_known: set[str] = set()
        self._refuted: dict[str, str] = {}
        self._known_labels = KnownLabels(registry)
        self._unlisted: set[tuple[str, str]] = set()

    def add_traces(self, messages: Iterable[Message]) -> None:
        """Put traces into the windows of their tasks; one that no fit can use is left out.

        A time in the future is taken for now.
        Of a forgotten one the versions that it names count all the same: certify may fold its audit again, so
        no new version may take the name.
        """
        label_sets: dict[str, LabelSet] = {}
        now = self._clock()
        for message in messages:
            try:
                trace = TRACE.decode(as_bytes(message.value()))
                if self._forgotten.covers_trace(trace):
                    self._windows.setdefault(trace.task, TraceWindow()).note_versions(trace)
                    continue
                if trace.first is not None:
                    continue
                if trace.embedder != TEXT and trace.features is not None:
                    decode_vector(trace.features, None)
            except SchemaError as error:
                log.warning("trace ignored: %s", error)
                continue
            if trace.replied_at > now:
                trace = replace(trace, replied_at=now)
            config = self._live_tasks.task(trace.task).config
            if trace.task not in label_sets:
                label_sets[trace.task] = LabelSet.of(config.teacher)
            self._log_unlisted(trace, label_sets[trace.task])
            self._windows.setdefault(trace.task, TraceWindow()).add(trace, config.refit.window)

    def _log_unlisted(self, trace: Trace, labels: LabelSet) -> None:
        """Log once for each label that a fit leaves its traces out."""
        place = (trace.task, trace.label)
        if labels.allows(trace.label) or place in self._unlisted:
            return
        self._unlisted.add(place)
        log.warning(
            "label is not in `teacher.labels`: its traces do not train, and older traces do not certify: "
            "task=%s label=%s",
            *place,
        )

    def forget(self, forgotten: Forgotten) -> None:
        """Drop the task's traces that are to be forgotten; the fits from now on do without them."""
        window = self._windows.get(forgotten.task)
        dropped = window.discard(self._forgotten.covers_trace) if window else 0
        if dropped:
            log.info("forgotten traces dropped from the window: task=%s traces=%d", forgotten.task, dropped)

    def led(self) -> list[str]:
        """Tasks whose lease this trainer holds. Any thread may ask."""
        return list(self._tokens)

    def requested(self) -> dict[str, int]:
        """When each refit of its tasks that is not done yet was requested, Unix milliseconds. Any thread."""
        return {task: request.requested_at for task, request in list(self._requests.items())}

    async def on_start(self) -> None:
        self._refit_runner = RefitRunner(self._registry, self._event_publisher, self._truths)
        self.add_future(self._elect())
        self.add_future(self._watch())
        self.add_future(self._count())

    async def on_stop(self) -> None:
        self._refit_runner.stop()
        try:
            await self._leases.release()
        except StateUnavailable as error:
            log.info("leases not released, they expire: %s", error)

    async def _elect(self) -> None:
        while not self.should_stop:
            await self._renew_leases()
            await self.sleep(self._lease / 3)

    async def _renew_leases(self) -> None:
        failure: StateUnavailable | None = None
        for name in list(self._windows):
            try:
                await self._hold(name)
            except StateUnavailable as error:
                self._tokens.pop(name, None)
                failure = error
        if failure is not None:
            self._unrenewed.note_failure(failure)
        else:
            self._unrenewed.note_success()

    async def _hold(self, name: str) -> None:
        token = await self._leases.acquire(name)
        if token is None:
            if self._tokens.pop(name, None) is not None:
                self._lost.note_failure(name, "another trainer holds it", task=name)
        elif self._tokens.get(name) != token:
            log.info("trainer holds the lease: task=%s token=%d", name, token)
            self._attempts[name] = await self._attempt_before(name)
            self._requests_known.discard(name)
            self._tokens[name] = token
            self._lost.note_success(name)

    async def _attempt_before(self, name: str) -> RefitAttempt:
        """The last attempt as far as a new leader can know it: what the active policy had seen."""
        active = await self._registry.active(name)
        window = self._windows[name]
        return RefitAttempt(seen=window.seen - window.seen_since(active.since)) if active else RefitAttempt()

    async def _watch(self) -> None:
        read_at, pause = float("-inf"), _READ_REQUESTS
        while not self.should_stop:
            read_requests = time.monotonic() - read_at > pause
            if read_requests:
                read_at = time.monotonic()
                await self._read_requests()
                pause = max(_READ_REQUESTS, self._pause_after_look(self._requests))
            for name in self._in_turn():
                # A request waits for traces that may certify; they are counted each time requests are read.
                if read_requests or name not in self._requests:
                    task, window = self._live_tasks.task(name), self._windows[name]
                    if await self._check(task, window, look_for_labels=read_requests):
                        break  # a fit takes long: leases and requests may have changed
            await self.sleep(_CHECK)

    def _in_turn(self) -> list[str]:
        """The tasks that this trainer leads, in the order in which they are refitted.

        Not those whose requests are not known yet: growth would start a refit, and the request one more.
        """

        def place(name: str) -> tuple[bool, float]:
            request = self._requests.get(name)
            return request is None or not request.urgent, self._attempts[name].ended

        return sorted(self._tokens.keys() & self._requests_known, key=place)

    async def _count(self) -> None:
        """Count the traces that the next refits may certify on: the audit rate depends on them."""
        while not self.should_stop:
            for name in list(self._tokens):
                try:
                    await self._count_certifying(self._live_tasks.task(name), self._windows[name])
                except StateUnavailable as error:
                    log.debug("certifying traces not counted, will retry: task=%s: %s", name, error)
            await self.sleep(max(_COUNT, self._pause_after_look(self._tokens)))

    def _pause_after_look(self, names: Iterable[str]) -> float:
        """Seconds until the windows of these tasks may be looked at as a whole again."""
        traces = sum(len(self._windows[name]) for name in names if name in self._windows)
        return min(traces / _LOOKED_AT, _LONGEST_PAUSE)

    async def _serving_state(self, name: str) -> ServingState:
        """The serving state; a `certify_from` that is ahead ends, or no trace would be recent enough."""
        found = await self._registry.serving_state(name)
        if found.certify_from <= self._clock():
            return found
        await self._registry.end_certify_from_ahead(name)
        return await self._registry.serving_state(name)

    async def _count_certifying(self, task: Task, window: TraceWindow) -> None:
        serving_state = await self._serving_state(task.name)
        teacher = await self._registry.teacher_since(task.name)
        traces = usable_traces(window, task.config)
        refuted = self._refuted_since(task, traces, max(serving_state.certify_from, teacher))
        requested = _certify_from(serving_state, self._requests.get(task.name))
        since = TraceCutoffs(max(refuted, requested), teacher)
        await self._registry.set_certifying_traces(task.name, certifying_traces(traces, task.config, since))

    async def _read_requests(self) -> None:
        """Read the requested refits of the tasks whose lease this trainer holds."""
        held = set(self._tokens)
        try:
            waiting = await self._refits.pending(held)
        except StateUnavailable:
            return
        self._requests, self._requests_known = {request.task: request for request in waiting}, held

    async def _check(self, task: Task, window: TraceWindow, *, look_for_labels: bool) -> bool:
        """Refit the task if that is due, and if this trainer leads it still; whether it was refitted."""
        request, attempt = self._requests.get(task.name), self._attempts[task.name]
        grown = refit_due(window.seen, attempt, task.config, time.monotonic())
        of_new_labels = await self._new_label_traces(task, window) if look_for_labels else 0
        grown = grown or labels_due(of_new_labels, attempt, task.config, time.monotonic())
        if request is None and not grown:
            return False
        seen, traces = window.seen, usable_traces(window, task.config)
        if len(traces) < task.config.refit.at_least:
            return False
        try:
            plan = await self._plan(task, traces, request, grown=grown)
            token = self._tokens.get(task.name)
            if plan is None or token is None:
                return False
            await self._refit(plan, token, request)
        except StateUnavailable:
            return False
        ended, asked = time.monotonic(), plan.asked or attempt.asked
        of_new_labels = max(of_new_labels, attempt.new_labels)
        self._attempts[task.name] = RefitAttempt(seen, ended, task.config, len(traces), asked, of_new_labels)
        return True

    async def _new_label_traces(self, task: Task, window: TraceWindow) -> int:
        """How many traces hold a label that the live version can't know; 0 also while Redis is away."""
        if not task.config.teacher.labels:
            return 0
        try:
            new = frozenset(await self._known_labels.new_to_live(task.name, task.config))
        except StateUnavailable:
            return 0
        return label_count(window, LabelSet.of(task.config.teacher), new)

    async def _plan(
        self, task: Task, traces: list[Trace], request: RefitRequest | None, *, grown: bool
    ) -> RefitPlan | None:
        """The refit that is due: requested, with enough traces that may certify, or for enough new traces.

        The latter waits until enough traces may certify, if others are too old, or ruled out by an alarm,
        drift, a change of teacher or audits that refute them, and if more are to come: few traces give a
        version that answers little and ends the alarm's request, or none at all and a long wait for the next
        attempt. A request that is not due yet says already which traces may certify.
        """
        serving_state = await self._serving_state(task.name)
        teacher = await self._registry.teacher_since(task.name)
        refuted = self._refuted_since(task, traces, max(serving_state.certify_from, teacher))
        stopped = serving_state.breaker.open
        since = TraceCutoffs(max(refuted, _certify_from(serving_state, request)), teacher)
        if request is not None:
            window, fresh = self._windows[task.name], certifying_traces(traces, task.config, since)
            asked = RefitAsked(since.certify, fresh, window_full(len(window), fresh, task.config.refit))
            if request_due(asked, window.seen, self._attempts[task.name], task.config, time.monotonic()):
                return RefitPlan(task, traces, since, stopped, asked)
        more = stopped or audit_rate(task.config, SamplingState(certified=True)).rate > 0.0
        if not grown or serving_state.candidate is not None or (more and too_few(traces, task.config, since)):
            return None
        return RefitPlan(task, traces, since, stopped)

    def _refuted_since(self, task: Task, traces: list[Trace], since: int) -> int:
        """Unix milliseconds; audits have refuted the older traces, which may not certify. 0 if none have.

        Args:
            since: audits before this are answered for already.
        """
        refuted = refuted_promise(traces, task.config, since)
        if refuted is None:
            self._refuted.pop(task.name, None)
            return 0
        if self._refuted.get(task.name) != refuted.version:
            self._refuted[task.name] = refuted.version
            target = task.config.target_agreement
            self._event_publisher.publish(promise_missed_event(task.name, refuted, target, self._clock()))
        return refuted.since

    async def _refit(self, plan: RefitPlan, token: int, request: RefitRequest | None) -> None:
        name = plan.task.name
        serial = max(await self._registry.next_serial(name), self._windows[name].serial + 1)
        begun = time.monotonic()
        running = RunningRefit(self._clock(), len(plan.traces))
        async with self._note.kept(name, running) as tell:
            event, is_done = await self._refit_runner.run(plan, serial, token, tell)
        self._event_publisher.publish(event)
        if self._count_refit is not None:
            self._count_refit(name, time.monotonic() - begun)
        if is_done and request is not None:
            await self._refits.settle(request)


def _certify_from(serving_state: ServingState, request: RefitRequest | None) -> int:
    """Unix milliseconds; no older trace may certify a refit that answers this request."""
    return max(serving_state.certify_from, request.since if request is not None else 0)


def install(app: App, channel: BatchChannel, trainer: Trainer) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def traces(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle():
                trainer.add_traces(batch.messages)
