"""route: answer each request from the live policy, or hand it to the teacher.

Reads requests; writes labels, deferrals and dead letters. The agent at the bottom is the only part that
knows Faust; everything above it is a function of its arguments. What becomes of a request is decided in
`streams.verdicts`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT

from models.features import Features
from schemas.codec import DEFERRAL, LABEL, REQUEST
from schemas.errors import InvalidVector
from schemas.messages import Deferral, Label, Reason, Request
from schemas.names import Topics
from schemas.vectors import Wire, matrix, vector
from streams.audit import Auditor, audit_rate
from streams.clock import unix_ms
from streams.kafka.batch import Batch, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.context import carried, key_of, time_of
from streams.kafka.dead_letters import DeadLetters
from streams.live import Live, Task
from streams.verdicts import Verdict, verdicts

STAGE = "route"
TEXT = "text"


Arrival = tuple[Request, Message]


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
        found = verdicts(task, rows, len(group), self._allotted(task, group))
        for arrival, verdict in zip(group, found, strict=True):
            outgoing += self._answer(task, arrival, verdict, now)
        return outgoing

    def _allotted(self, task: Task, group: Iterable[Arrival]) -> list[bool]:
        """Which requests a canary decides: another keyed hash of their ids than that of the audits."""
        canary = task.candidate
        if canary is None or canary.share <= 0.0:
            return []
        salted = f"canary\0{canary.version}\0"
        return [self._auditor.draws(salted + request.id, canary.share) for request, _ in group]

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
            label = _label(request, verdict, audited, at, now)
            outgoing.append(Outgoing(self._labels, key, LABEL.encode(label), headers))
        if audited or not answered:
            deferral = _deferral(request, verdict, task, audited, inclusion, at)
            outgoing.append(Outgoing(self._deferrals, key, DEFERRAL.encode(deferral), headers))
        return outgoing


def _label(request: Request, verdict: Verdict, audited: bool, at: int, now: int) -> Label:
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
    request: Request, verdict: Verdict, task: Task, audited: bool, inclusion: float, at: int
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
    )


def install(app: App, channel: BatchChannel, router: Router) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def route(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settled() as outgoing:
                outgoing.extend(router.routed(batch.messages, unix_ms()))
