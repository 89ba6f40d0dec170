"""route: answer each request from the live policy, or hand it to the teacher.

Reads requests; writes labels, deferrals and dead letters. The agent at the bottom is the only part that
knows Faust; everything above it is a function of its arguments. What becomes of a request is decided in
`streams.routing.decisions`.

Where an encoder makes the vectors, they travel with the deferrals. An encoder that fails is closed: what it
was asked for is deferred, and so is the rest until it has been opened again (`streams.routing.encoder_pool`).
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from models.embedders.contract import Embedder
from models.errors import EmbedderError
from schemas.codec import DEFERRAL, LABEL, REQUEST
from schemas.messages import Deferral, Label, Reason, Request
from schemas.names import Topics
from streams.clock import unix_ms
from streams.drift.windows import ScoreWindows
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import copied_headers, key_of, time_of
from streams.routing.decisions import Decision, decide
from streams.routing.encoded_batch import decide_encoded
from streams.routing.features import BatchVectors, feature_error, request_features
from streams.sampling import Sampler
from streams.tasks import Task, Tasks

log = logging.getLogger(__name__)

STAGE = "route"

Arrival = tuple[Request, Message]


class RouteRole:
    """Turns requests into labels and deferrals.

    Attributes:
        traffic: what the requests look like.

    Args:
        live: the tasks as they stand at each batch.
        auditor: decides which requests are audited.
        intake: reads the requests, and writes the dead letters of those that are refused.
    """

    def __init__(
        self, live: Tasks, topics: Topics, auditor: Sampler, intake: DeadLetters | None = None
    ) -> None:
        self._live = live
        self._labels, self._deferrals = topics.labels, topics.deferrals
        self._auditor = auditor
        self._dead_letters = intake or DeadLetters(topics.dead_letters, STAGE)
        self.traffic = ScoreWindows()

    async def routed(self, messages: Iterable[Message], now: int) -> list[Outgoing]:
        """All that a batch of requests causes.

        Args:
            now: Unix milliseconds.
        """
        arrived, outgoing = self._dead_letters.decoded(REQUEST, messages)
        by_task: defaultdict[str, list[Arrival]] = defaultdict(list)
        for arrival in arrived:
            by_task[arrival[0].task].append(arrival)
        for name, group in by_task.items():
            outgoing += await self._answers(self._live.task(name), group, now)
        return outgoing

    async def _answers(self, task: Task, group: list[Arrival], now: int) -> list[Outgoing]:
        outgoing: list[Outgoing] = []
        rows = request_features([request for request, _ in group], task)
        if rows is None:
            group, outgoing = self._sound(task, group)
            rows = request_features([request for request, _ in group], task)
        allotted, vectors = self._allotted(task, group), None
        if rows is not None and rows.texts is not None and task.embedder is not None:
            found, vectors = await self._encoded(task, task.embedder, rows.texts, allotted, group)
            now_stands = self._live.task(task.name)
            if vectors is not None and now_stands != task:  # a breaker that has opened holds for these too
                return outgoing + await self._answers(now_stands, group, now)
        else:
            found = decide(task, rows, len(group), allotted)
        self.traffic.count(task, found, now)
        for place, (arrival, verdict) in enumerate(zip(group, found, strict=True)):
            outgoing += self._answer(task, arrival, verdict, now, vectors.packed(place) if vectors else None)
        return outgoing

    async def _encoded(
        self,
        task: Task,
        embedder: Embedder,
        texts: Sequence[str],
        allotted: Sequence[bool],
        group: Iterable[Arrival],
    ) -> tuple[list[Decision], BatchVectors | None]:
        """The verdicts on texts whose vectors have to be made, and the vectors where that worked."""
        audited = [self._auditor.selects(request.id, task.audit_rate) for request, _ in group]
        try:
            return await decide_encoded(task, embedder, texts, allotted, audited)
        except EmbedderError as error:
            log.error("%d requests of task %s are deferred: %s", len(texts), task.name, error)
        self._live.drop_encoder(embedder)
        return decide(task, None, len(texts), allotted), None

    def _allotted(self, task: Task, group: Iterable[Arrival]) -> list[bool]:
        """Which requests a canary decides: another keyed hash of their ids than that of the audits."""
        canary = task.candidate
        if canary is None or canary.share <= 0.0:
            return []
        salted = f"canary\0{canary.version}\0"
        return [self._auditor.selects(salted + request.id, canary.share) for request, _ in group]

    def _sound(self, task: Task, group: Iterable[Arrival]) -> tuple[list[Arrival], list[Outgoing]]:
        sound, refused = [], []
        for request, message in group:
            reason = feature_error(request, task)
            if reason is None:
                sound.append((request, message))
            else:
                refused.append(self._dead_letters.letter(message, reason))
        return sound, refused

    def _answer(
        self, task: Task, arrival: Arrival, verdict: Decision, now: int, features: bytes | None
    ) -> list[Outgoing]:
        """The messages that one request causes: a label, a deferral, or both when it is audited."""
        request, message = arrival
        key, headers, at = key_of(message), copied_headers(message), time_of(message)
        inclusion = task.audit_rate
        audited = self._auditor.selects(request.id, inclusion)
        outgoing = []
        answered = verdict.reason is Reason.ACCEPTED
        if answered:
            label = _label(request, verdict, audited, at, now)
            outgoing.append(Outgoing(self._labels, key, LABEL.encode(label), headers))
        if audited or not answered:
            deferral = _deferral(request, verdict, task, audited, inclusion, at, features)
            outgoing.append(Outgoing(self._deferrals, key, DEFERRAL.encode(deferral), headers))
        return outgoing


def _label(request: Request, verdict: Decision, audited: bool, at: int, now: int) -> Label:
    guess = verdict.guess
    return Label(
        id=request.id,
        task=request.task,
        label=guess.label if guess else None,
        source="surrogate",
        reason=verdict.reason,
        requested_at=at,
        labelled_at=now,
        score=guess.score if guess else None,
        threshold=verdict.threshold,
        policy=guess.policy if guess else None,
        audited=audited,
        metadata=request.metadata,
    )


def _deferral(
    request: Request,
    verdict: Decision,
    task: Task,
    audited: bool,
    inclusion: float,
    at: int,
    features: bytes | None,
) -> Deferral:
    answered, sampled = verdict.reason is Reason.ACCEPTED, audited or task.answers_nothing
    return Deferral(
        request=request,
        reason=Reason.AUDIT if answered else verdict.reason,
        audit=answered,
        sampled=sampled,
        embedder=task.config.embedder,
        requested_at=at,
        guess=verdict.guess,
        threshold=verdict.threshold,
        inclusion=inclusion,
        shadow=verdict.shadow if sampled else None,
        features=features,
        encoder=task.embedder.id if task.embedder and features else None,
    )


def install(app: App, channel: BatchChannel, router: RouteRole) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def route(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled() as outgoing:
                outgoing.extend(await router.routed(batch.messages, unix_ms()))
