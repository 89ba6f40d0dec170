"""route: answer each request from the live policy, or hand it to the teacher.

Reads requests; writes labels, deferrals and dead letters. The agent at the bottom is the only part that
knows Faust; everything above it is a function of its arguments. The order of the checks in `verdicts` is
the contract: whatever argues for deferring wins, and what is not a number argues for deferring.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from models.errors import PolicyError
from models.features import Features
from models.policy import Policy, Scores
from schemas.codec import DEFERRAL, LABEL, REQUEST
from schemas.errors import InvalidVector
from schemas.messages import Deferral, Guess, Label, Reason, Request
from schemas.names import Topics
from schemas.vectors import Wire, matrix, vector
from streams.audit import Auditor, audit_rate
from streams.clock import unix_ms
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.context import carried, key_of, time_of
from streams.kafka.dead_letters import DeadLetters
from streams.live import Live, Task

log = logging.getLogger(__name__)

STAGE = "route"
TEXT = "text"


Arrival = tuple[Request, Message]


class Verdict(NamedTuple):
    """What becomes of a request, and the surrogate's guess where there is a policy."""

    reason: Reason
    guess: Guess | None


def problem(request: Request, task: Task) -> str | None:
    """Why the task's embedder can do nothing with the request; None where it can."""
    if task.config.embedder == TEXT:
        return None if request.text is not None else f"text: task {task.name} is classified by its text"
    if request.embedding is None:
        return f"embedding: task {task.name} is classified by vectors that requests bring"
    try:
        vector(request.embedding, task.dimension)
    except InvalidVector as error:
        return str(error)
    return None


def features(requests: Sequence[Request], task: Task) -> Features | None:
    """What the policy scores, a row a request; None where a request is not in order (see `problem`)."""
    if task.config.embedder == TEXT:
        texts = [request.text for request in requests if request.text is not None]
        return Features(texts=texts) if len(texts) == len(requests) else None
    vectors: list[Wire] = [request.embedding for request in requests if request.embedding is not None]
    if task.dimension is None or len(vectors) != len(requests):
        return None
    rows = matrix(vectors, task.dimension)
    return None if rows is None else Features(embeddings=rows)


def verdicts(scores: Scores, policy: Policy, task: Task) -> list[Verdict]:
    """What becomes of each scored row."""
    manifest = policy.manifest
    familiar = (scores.novelty <= manifest.novelty_limit).tolist()
    blocked = policy.blocked[scores.label].tolist()
    labels = [manifest.labels[index] for index in scores.label.tolist()]
    return [
        Verdict(
            _reason(task, known, barred, score),
            Guess(label=label, score=score, novelty=novelty, policy=manifest.version),
        )
        for label, score, novelty, known, barred in zip(
            labels, scores.score.tolist(), scores.novelty.tolist(), familiar, blocked, strict=True
        )
    ]


def _reason(task: Task, familiar: bool, blocked: bool, score: float) -> Reason:
    if task.config.paused:
        return Reason.OPERATOR
    if task.threshold is None:
        return Reason.UNCERTIFIED
    if not familiar:
        return Reason.NOVEL
    if blocked:
        return Reason.BLOCKED_LABEL
    return Reason.ACCEPTED if score >= task.threshold else Reason.LOW_SCORE


def judged(task: Task, rows: Features | None, count: int) -> list[Verdict]:
    """Score the requests of one task together; no row's verdict depends on its neighbours."""
    if task.policy is None or rows is None:
        return [Verdict(Reason.OPERATOR if task.config.paused else Reason.NO_POLICY, None)] * count
    try:
        return verdicts(task.policy.score(rows), task.policy, task)
    except PolicyError:
        log.exception("policy %s of task %s failed: deferring", task.policy.manifest.version, task.name)
        return [Verdict(Reason.UNCERTIFIED, None)] * count


class Router:
    """Turns requests into labels and deferrals.

    Args:
        live: the tasks as they stand at each batch.
        auditor: decides which requests are audited.
    """

    def __init__(self, live: Live, topics: Topics, auditor: Auditor) -> None:
        self._live = live
        self._labels, self._deferrals = topics.labels, topics.deferrals
        self._auditor = auditor
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)

    def routed(self, messages: Iterable[Message], now: int) -> list[Outgoing]:
        """All that a batch of requests causes.

        Args:
            now: Unix milliseconds.
        """
        arrived, outgoing = self._dead_letters.decoded(REQUEST, messages)
        by_task: defaultdict[str, list[Arrival]] = defaultdict(list)
        for arrival in arrived:
            by_task[arrival[0].task].append(arrival)
        for name, group in by_task.items():
            outgoing += self._answers(self._live.task(name), group, now)
        return outgoing

    def _answers(self, task: Task, group: list[Arrival], now: int) -> list[Outgoing]:
        outgoing: list[Outgoing] = []
        rows = features([request for request, _ in group], task)
        if rows is None:
            group, outgoing = self._sound(task, group)
            rows = features([request for request, _ in group], task)
        for arrival, verdict in zip(group, judged(task, rows, len(group)), strict=True):
            outgoing += self._answer(task, arrival, verdict, now)
        return outgoing

    def _sound(self, task: Task, group: Iterable[Arrival]) -> tuple[list[Arrival], list[Outgoing]]:
        sound, refused = [], []
        for request, message in group:
            reason = problem(request, task)
            if reason is None:
                sound.append((request, message))
            else:
                refused.append(self._dead_letters.letter(message, reason))
        return sound, refused

    def _answer(self, task: Task, arrival: Arrival, verdict: Verdict, now: int) -> list[Outgoing]:
        """The messages that one request causes: a label, a deferral, or both when it is audited."""
        request, message = arrival
        key, headers, at = key_of(message), carried(message), time_of(message)
        inclusion = audit_rate(task.config, settled=False)
        audited = self._auditor.draws(request.id, inclusion)
        outgoing = []
        answered = verdict.reason is Reason.ACCEPTED
        if answered:
            label = _label(request, verdict, task, audited, at, now)
            outgoing.append(Outgoing(self._labels, key, LABEL.encode(label), headers))
        if audited or not answered:
            deferral = _deferral(request, verdict, task, audited, inclusion, at)
            outgoing.append(Outgoing(self._deferrals, key, DEFERRAL.encode(deferral), headers))
        return outgoing


def _label(request: Request, verdict: Verdict, task: Task, audited: bool, at: int, now: int) -> Label:
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
        threshold=task.threshold,
        policy=guess.policy if guess else None,
        audited=audited,
        metadata=request.metadata,
    )


def _deferral(
    request: Request, verdict: Verdict, task: Task, audited: bool, inclusion: float, at: int
) -> Deferral:
    answered = verdict.reason is Reason.ACCEPTED
    return Deferral(
        request=request,
        reason=Reason.AUDIT if answered else verdict.reason,
        audit=answered,
        sampled=audited or task.answers_nothing,
        embedder=task.config.embedder,
        requested_at=at,
        guess=verdict.guess,
        threshold=task.threshold,
        inclusion=inclusion,
    )


def install(app: App, channel: BatchChannel, router: Router) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def route(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled() as outgoing:
                outgoing.extend(router.routed(batch.messages, unix_ms()))
