"""certify: what audits prove of each policy version, whether agreement has fallen now, and whom to tell.

Reads traces and deferrals; writes to Redis, and events. The steps of a batch, in this order:

    1. for each task: read what is held, fold what is new into it, write all of it at once, or start over
    2. tell what follows: events, and alarms to whoever answers them
    3. judge the candidates whose answers the traces check
    4. note how far the partitions are folded; then the source commits

Killed between any two of them, the batch is read again: what was folded is not folded again, and an alarm
that nobody has answered is told again. Once a second every task has a turn without news, for the time and
the config change things too; then whoever finds that Redis has lost something reads it again from the
topics, and until that is done nothing is claimed.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from mode import Service

from schemas.codec import DEFERRAL, TRACE
from schemas.events import Event, EventKind
from schemas.names import Topics
from streams.certify.evidence import OnAlarm
from streams.certify.observations import (
    DEFERRALS,
    TRACES,
    AlarmAnswered,
    Observations,
    end_offsets,
    observe_deferrals,
    observe_traces,
)
from streams.certify.step import Step, step
from streams.certify.task_state import adopt_positions, foreign_positions
from streams.certify.topic_log import TopicLog
from streams.errors import KafkaFailed, StateUnavailable, TopicReplaced
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.event_publisher import EventPublisher
from streams.rollout.trials import TrialJudge
from streams.sampling import Sampler
from streams.state.audits import AuditStore
from streams.state.fold_offsets import FoldOffsets, OffsetsRead
from streams.tasks import Tasks

log = logging.getLogger(__name__)

STAGE = "certify"
ASKED_STAGE = "certify-asked"

_LOOK = 1.0
_RECOGNISE = 5.0
_ATTEMPTS = 20
_PATIENCE = 10_000
"""Milliseconds for which the claim to read something again may stand still."""


class AuditCertifier(Service):
    """Folds audits into what Redis holds.

    Args:
        logs: traces and deferrals, to be read again.
        on_alarm: answers alarms.
        candidates: judges what is on trial.
        may_answer: of a task and a version, whether that may answer requests.
        clock: Unix milliseconds, without jumps.
    """

    def __init__(
        self,
        live: Tasks,
        topics: Topics,
        audits: AuditStore,
        marks: FoldOffsets,
        logs: Mapping[str, TopicLog],
        auditor: Sampler,
        event_publisher: EventPublisher,
        on_alarm: OnAlarm,
        candidates: TrialJudge,
        may_answer: Callable[[str, str], Awaitable[bool]],
        clock: Callable[[], int],
    ) -> None:
        super().__init__()
        self._live = live
        self._audits = audits
        self._marks = marks
        self._logs = logs
        self._auditor = auditor
        self._event_publisher = event_publisher
        self._on_alarm = on_alarm
        self._candidates = candidates
        self._may_answer = may_answer
        self._clock = clock
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)
        self._seen: set[str] = set()
        self._claim: tuple[str | None, int] = (None, 0)

    async def on_start(self) -> None:
        for one in self._logs.values():
            await one.check_identity()
            self._marks.remember(await one.committed())
        self.add_future(self._watch())
        self.add_future(self._watch_topics())

    async def certified(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Fold the audits in a batch of traces.

        Raises:
            StateUnavailable: Redis is away, or has lost what was folded; the batch is to be read again.
        """
        traces, outgoing = self._dead_letters.decoded(TRACE, messages)
        log_name = self._logs[TRACES].name
        for task, news in observe_traces(traces, self._auditor, log_name).items():
            await self._fold(task, news)
        await self._candidates.judge(traces)
        await self._marks.advance(end_offsets(log_name, messages))
        return outgoing

    async def asked(self, messages: Sequence[Message]) -> None:
        """Note the audits that a batch of deferrals asks for. What can't be read is the teacher's to refuse.

        Raises:
            StateUnavailable: as in `certified`.
        """
        deferrals, _ = self._dead_letters.decoded(DEFERRAL, messages)
        log_name = self._logs[DEFERRALS].name
        for task, news in observe_deferrals(deferrals, log_name).items():
            await self._fold(task, news)
        await self._marks.advance(end_offsets(log_name, messages))

    async def look(self) -> None:
        """Give every task a turn without news, after reading again what Redis has lost.

        Raises:
            StateUnavailable: Redis is away.
            KafkaFailed: a topic can't be read again.
        """
        known = self._marks.known
        await self._regain(await self._marks.read(), known)
        self._seen |= await self._audits.tasks()
        for task in sorted(self._seen):
            await self._fold(task, Observations(), (await self._audits.task_state(task)).versions)

    async def _watch(self) -> None:
        while not self.should_stop:
            try:
                await self.look()
            except StateUnavailable as error:
                log.debug("certify waits: %s", error)
            except KafkaFailed as error:
                log.warning("certify can't read again what Redis has lost: %s", error)
            await self.sleep(_LOOK)

    async def _watch_topics(self) -> None:
        while not self.should_stop:
            await self.sleep(_RECOGNISE)
            try:
                await self._check_topics()
            except StateUnavailable as error:
                if not self.should_stop:
                    log.warning("certify goes on without knowing: %s", error)

    async def _check_topics(self) -> None:
        """See that the topics are still those that were read so far; the process ends where they are not.

        Raises:
            StateUnavailable: they are not, or that can't be told.
        """
        try:
            for one in self._logs.values():
                await one.check_identity()
        except TopicReplaced as error:
            log.critical("certify can't go on: %s", error)
            await self.crash(error)
            raise StateUnavailable("this process ends") from error
        except KafkaFailed as error:
            raise StateUnavailable(f"whether its topics are still the same: {error}") from error

    async def _fold(
        self, task: str, news: Observations, versions: Sequence[str] = (), *, rebuilding: bool = False
    ) -> None:
        self._seen.add(task)
        config, ids = self._live.task(task).config, {**dict.fromkeys(versions, ()), **news.requests}
        for _ in range(_ATTEMPTS):
            now = self._clock()
            known = self._marks.known
            reading = await self._audits.read(task, ids, now - round(config.audit_overdue * 1000))
            marks, folded = self._marks, reading.folded
            if not marks.holds_claim(folded) if rebuilding else marks.has_lost(folded, known):
                raise StateUnavailable("Redis has lost what certify had folded")
            names = {stream: one.name for stream, one in self._logs.items()}
            if foreign_positions(reading.held.record, names):
                await self._check_topics()
                log.warning("what was folded of task %s is of topics that are gone: begun anew", task)
                if await self._audits.reset(task, reading):
                    await self._marks.reset()
                continue
            held = replace(reading.held, record=adopt_positions(reading.held.record, names))
            complete = folded.rebuilding is None
            outcome = step(task, held, news, config, now, complete=complete)
            if not outcome.changes(reading.held) or await self._audits.write(task, reading, outcome):
                await self._tell(task, outcome, rebuilding=rebuilding)
                return
        raise StateUnavailable(f"others keep changing what is held of task {task}")

    async def _tell(self, task: str, outcome: Step, *, rebuilding: bool) -> None:
        for event in outcome.events:
            if await self._matters(task, event):
                self._event_publisher.publish(event)
        handled = {}
        for version, (raised, evidence) in outcome.alarms.items():
            excused = await self._on_alarm(task, version, evidence)
            handled[version] = AlarmAnswered(raised, excused)
        if handled:
            await self._fold(task, Observations(handled=handled), rebuilding=rebuilding)

    async def _matters(self, task: str, event: Event) -> bool:
        """Nobody need hear that a version which is stopped answers one label less."""
        if event.kind is not EventKind.LABEL_BLOCKED:
            return True
        try:
            return await self._may_answer(task, str(event.details["version"]))
        except StateUnavailable:  # rather a word too many: it is not told again
            return True

    async def _regain(self, folded: OffsetsRead, known: Mapping[str, int]) -> None:
        """Read again what Redis has lost, if it has, and nobody else is at it."""
        claim, since = self._claim
        if folded.rebuilding != claim:
            self._claim = claim, since = folded.rebuilding, self._clock()
        idle = claim is None or self._clock() - since >= _PATIENCE
        if (
            idle
            and (claim is not None or self._marks.has_lost(folded, known))
            and await self._marks.begin_rebuild(folded)
        ):
            try:
                await self._rebuild(folded.positions)
            finally:
                self._marks.abandon_rebuild()

    async def _rebuild(self, positions: Mapping[str, int]) -> None:
        """Fold again what stands between what Redis knows and the ends of the topics: first the traces, so
        that a deferral which was answered since is known to be."""
        log.warning("Redis has lost what certify had folded: reading it again from the topics")
        reached: dict[str, int] = {}
        for stream, one in self._logs.items():
            async with aclosing(one.since(positions, reached)) as batches:
                async for messages in batches:
                    await self._marks.renew_claim()
                    for task, news in self._news(stream, messages).items():
                        await self._fold(task, news, rebuilding=True)
        await self._marks.finish_rebuild(reached)
        log.warning("what Redis had lost is folded again")

    def _news(self, stream: str, messages: Sequence[Message]) -> dict[str, Observations]:
        if stream == TRACES:
            traces, _ = self._dead_letters.decoded(TRACE, messages)
            return observe_traces(traces, self._auditor, self._logs[TRACES].name)
        deferrals, _ = self._dead_letters.decoded(DEFERRAL, messages)
        return observe_deferrals(deferrals, self._logs[DEFERRALS].name)


def install(app: App, traces: BatchChannel, deferrals: BatchChannel, certifier: AuditCertifier) -> None:
    """Register the agents."""

    @app.agent(traces, name=STAGE)
    async def certify(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled() as outgoing:
                outgoing.extend(await certifier.certified(batch.messages))

    @app.agent(deferrals, name=ASKED_STAGE)
    async def certify_asked(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled():
                await certifier.asked(batch.messages)
