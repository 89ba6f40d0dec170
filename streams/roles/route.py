"""route: answer each request from the live policy, or defer it to the teacher.

Reads requests; writes labels, deferrals, audits and dead letters. Only the agent at the bottom knows Faust.
The requests of a batch go through four steps, each task by itself:

    validate   requests that the task's embedder can't use become dead letters
    features   texts or vectors, a row a request
    decide     answer or defer, with a reason (`streams.routing.decisions`); may wait for an encoder
    emit       labels and deferrals, once all tasks are decided; answers are withdrawn if the task has
               changed meanwhile

Where an encoder makes the vectors, they travel with the deferrals. An encoder that fails is closed: the texts
of the batch are deferred, and so are later ones until it is open again (`streams.routing.encoder_pool`).
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from models.errors import EmbedderError
from models.features import Features
from schemas.codec import DEFERRAL, LABEL, REQUEST
from schemas.messages import Reason, Request
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.drift.windows import ScoreWindows
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import copied_headers, key_of, time_of
from streams.routing.decisions import Decision, decide, withdraw_stale
from streams.routing.encoded_batch import decide_encoded
from streams.routing.features import BatchVectors, feature_error, request_features
from streams.routing.outcomes import deferral_of, surrogate_label
from streams.sampling import Sampler
from streams.tasks import Task, Tasks

log = logging.getLogger(__name__)

STAGE = "route"

Arrival = tuple[Request, Message]


class RouteRole:
    """Turns requests into labels and deferrals.

    Attributes:
        traffic: windows of the scores that the live versions gave.

    Args:
        tasks: read at each batch, and again before its outputs are made.
        sampler: decides which requests are audited.
        intake: decodes the requests, and makes the dead letters of those that are refused.
    """

    def __init__(
        self, tasks: Tasks, topics: Topics, sampler: Sampler, intake: DeadLetters | None = None
    ) -> None:
        self._tasks = tasks
        self._labels, self._deferrals, self._audits = topics.labels, topics.deferrals, topics.audits
        self._sampler = sampler
        self._dead_letters = intake or DeadLetters(topics.dead_letters, STAGE)
        self.traffic = ScoreWindows()

    async def route_batch(self, messages: Iterable[Message], now: int) -> list[Outgoing]:
        """The outputs of a batch of requests: labels, deferrals and dead letters.

        Args:
            now: Unix milliseconds.
        """
        arrivals, outputs = self._dead_letters.decode_all(REQUEST, messages)
        by_task: defaultdict[str, list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            by_task[arrival[0].task].append(arrival)
        decided = []
        for name, group in by_task.items():
            task = self._tasks.task(name)
            valid, rows, dead_letters = self._validate(task, group)
            outputs += dead_letters
            decided.append((task, valid, *await self._decide(task, valid, rows)))
        # Only now: while one task waited for its encoder, the breaker of another may have opened.
        for task, valid, decisions, vectors in decided:
            outputs += self._emit(task, valid, decisions, vectors, now)
        return outputs

    def _validate(
        self, task: Task, arrivals: list[Arrival]
    ) -> tuple[list[Arrival], Features | None, list[Outgoing]]:
        """The requests that the task's embedder can use, their features, and dead letters for the others."""
        rows = request_features([request for request, _ in arrivals], task)
        if rows is not None:  # the usual case: no request is looked at alone
            return arrivals, rows, []
        valid, dead_letters = [], []
        for arrival in arrivals:
            reason = feature_error(arrival[0], task)
            if reason is None:
                valid.append(arrival)
            else:
                dead_letters.append(self._dead_letters.letter(arrival[1], reason))
        return valid, request_features([request for request, _ in valid], task), dead_letters

    async def _decide(
        self, task: Task, arrivals: Sequence[Arrival], rows: Features | None
    ) -> tuple[list[Decision], BatchVectors | None]:
        """A decision for each request, and the vectors where an encoder has made them."""
        by_canary = self._canary_mask(task, arrivals)
        if rows is None or rows.texts is None or task.embedder is None:
            return decide(task, rows, len(arrivals), by_canary), None
        audited = [self._sampler.selects(request.id, task.audit_rate) for request, _ in arrivals]
        try:
            return await decide_encoded(task, task.embedder, rows.texts, by_canary, audited)
        except EmbedderError as error:
            log.error(
                "encoder failed, requests deferred: %s, task=%s requests=%d", error, task.name, len(audited)
            )
        self._tasks.drop_encoder(task.embedder)
        return decide(task, None, len(arrivals), by_canary), None

    def _canary_mask(self, task: Task, arrivals: Iterable[Arrival]) -> list[bool]:
        """Which requests a canary decides: another keyed hash of their ids than that of the audits."""
        canary = task.candidate
        if canary is None or canary.share <= 0.0:
            return []
        salt = f"canary\0{canary.version}\0"
        return [self._sampler.selects(salt + request.id, canary.share) for request, _ in arrivals]

    def _emit(
        self,
        task: Task,
        arrivals: Sequence[Arrival],
        decisions: list[Decision],
        vectors: BatchVectors | None,
        now: int,
    ) -> list[Outgoing]:
        """The outputs of decided requests, by the task's state now: a breaker may have opened meanwhile."""
        decisions = withdraw_stale(decisions, task, self._tasks.task(task.name))
        self.traffic.count(task, decisions, now)
        outputs: list[Outgoing] = []
        for row, (arrival, decision) in enumerate(zip(arrivals, decisions, strict=True)):
            vector = vectors.vector_bytes(row) if vectors else None
            outputs += self._outputs_of(task, arrival, decision, now, vector)
        return outputs

    def _outputs_of(
        self, task: Task, arrival: Arrival, decision: Decision, now: int, features: bytes | None
    ) -> list[Outgoing]:
        """The outputs of one request: a label, a deferral, or both when it is audited."""
        request, message = arrival
        key, headers, requested_at = key_of(message), copied_headers(message), time_of(message)
        audited = self._sampler.selects(request.id, task.audit_rate)
        outputs = []
        answered = decision.reason is Reason.ACCEPTED
        if answered:
            label = surrogate_label(request, decision, audited, requested_at, now)
            outputs.append(Outgoing(self._labels, key, LABEL.encode(label), headers))
        if audited or not answered:
            deferral = deferral_of(request, decision, task, audited, requested_at, features)
            topic = self._audits if answered else self._deferrals
            outputs.append(Outgoing(topic, key, DEFERRAL.encode(deferral), headers))
        return outputs


def install(app: App, channel: BatchChannel, router: RouteRole) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def route(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outgoing:
                outgoing.extend(await router.route_batch(batch.messages, unix_ms()))
