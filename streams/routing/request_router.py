"""Routes requests, wherever they come from: features, decision, answer or question to the teacher.

The requests of a batch go through four steps, each task by itself:

    validate   requests that the task's embedder can't use are refused
    features   texts or vectors, a row a request
    decide     answer or defer, with a reason (`streams.routing.decisions`); may wait for an encoder
    conclude   label, deferral or both, once all tasks are decided; answers are withdrawn if the task has
               changed meanwhile

Where an encoder makes the vectors, they travel with the deferrals. An encoder that fails is closed: the texts
of the batch are deferred, and so are later ones until it is open again (`streams.routing.encoder_pool`).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from models.embedders.contract import Embedder
from models.errors import EmbedderError
from models.features import Features
from schemas.messages import Deferral, Label, Reason, Request
from streams.routing.decisions import Decision, decide, withdraw_stale
from streams.routing.encoded_batch import decide_encoded
from streams.routing.features import BatchVectors, feature_error, request_features
from streams.routing.outcomes import deferral_of, surrogate_label
from streams.sampling import Sampler
from streams.tasks import Task

log = logging.getLogger(__name__)

Origin = TypeVar("Origin")
Count = Callable[[Task, list[Decision], int], None]


class TaskSource(Protocol):
    """The tasks as they are now; `Tasks`, or another view of them."""

    def task(self, name: str) -> Task: ...

    def drop_encoder(self, embedder: Embedder) -> None:
        """Stop using an encoder that has failed."""
        ...


class Arrival(NamedTuple, Generic[Origin]):
    """A request, and what the caller knows it by.

    Attributes:
        requested_at: Unix milliseconds.
    """

    request: Request
    requested_at: int
    origin: Origin


class Routed(NamedTuple, Generic[Origin]):
    """A decided request: a label, a deferral, or both when the answer is audited.

    Attributes:
        deferral: what the teacher is asked: to answer the request, or to check the label.
    """

    arrival: Arrival[Origin]
    label: Label | None
    deferral: Deferral | None


class Refused(NamedTuple, Generic[Origin]):
    """A request that its task's embedder can't use, or whose task is none, and why."""

    arrival: Arrival[Origin]
    reason: str


class _Decided(NamedTuple, Generic[Origin]):
    """The requests of one task, decided on a state of it."""

    task: Task
    arrivals: Sequence[Arrival[Origin]]
    decisions: list[Decision]
    vectors: BatchVectors | None


class RequestRouter:
    """Turns requests into labels and deferrals.

    Args:
        tasks: read at each batch, and again before its outputs are made.
        sampler: decides which requests are audited.
        count: told of each task's decisions, with the time.
        longest_inline: characters of a batch's texts from which on it is scored in a thread; None: never.
        refusal: why requests of a task are refused, given its name; None where they are not.
    """

    def __init__(
        self,
        tasks: TaskSource,
        sampler: Sampler,
        count: Count,
        longest_inline: int | None = None,
        refusal: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._tasks = tasks
        self._sampler = sampler
        self._count = count
        self._longest_inline = longest_inline
        self._refusal = refusal

    async def route(
        self, arrivals: Iterable[Arrival[Origin]], now: int
    ) -> tuple[list[Routed[Origin]], list[Refused[Origin]]]:
        """What becomes of each request: it is decided, or refused.

        Args:
            now: Unix milliseconds.
        """
        by_task: defaultdict[str, list[Arrival[Origin]]] = defaultdict(list)
        for arrival in arrivals:
            by_task[arrival.request.task].append(arrival)
        decided: list[_Decided[Origin]] = []
        refused: list[Refused[Origin]] = []
        for name, group in by_task.items():
            if (reason := self._refusal(name)) is not None:
                refused += [Refused(arrival, reason) for arrival in group]
                continue
            task = self._tasks.task(name)
            valid, rows = _validate(task, group, refused)
            decided.append(_Decided(task, valid, *await self._decide(task, valid, rows)))
        # Only now: while one task waited for its encoder, the breaker of another may have opened.
        return [routed for group in decided for routed in self._conclude(group, now)], refused

    async def _decide(
        self, task: Task, arrivals: Sequence[Arrival[Origin]], rows: Features | None
    ) -> tuple[list[Decision], BatchVectors | None]:
        """A decision for each request, and the vectors where an encoder has made them."""
        by_canary = self._canary_mask(task, arrivals)
        if rows is None or rows.texts is None or task.embedder is None:
            if self._is_long(rows):
                return await asyncio.to_thread(decide, task, rows, len(arrivals), by_canary), None
            return decide(task, rows, len(arrivals), by_canary), None
        audited = [self._sampler.selects(arrival.request.id, task.audit_rate) for arrival in arrivals]
        try:
            return await decide_encoded(task, task.embedder, rows.texts, by_canary, audited)
        except EmbedderError as error:
            log.error(
                "encoder failed, requests deferred: %s, task=%s requests=%d", error, task.name, len(audited)
            )
        self._tasks.drop_encoder(task.embedder)
        return decide(task, None, len(arrivals), by_canary), None

    def _is_long(self, rows: Features | None) -> bool:
        if self._longest_inline is None or rows is None or rows.texts is None:
            return False
        return sum(map(len, rows.texts)) > self._longest_inline

    def _canary_mask(self, task: Task, arrivals: Iterable[Arrival[Origin]]) -> list[bool]:
        """Which requests a canary decides: another keyed hash of their ids than that of the audits."""
        canary = task.candidate
        if canary is None or canary.share <= 0.0:
            return []
        salt = f"canary\0{canary.version}\0"
        return [self._sampler.selects(salt + arrival.request.id, canary.share) for arrival in arrivals]

    def _conclude(self, decided: _Decided[Origin], now: int) -> list[Routed[Origin]]:
        """What comes of decisions, by the task's state now: a breaker may have opened meanwhile."""
        task, arrivals, decisions, vectors = decided
        decisions = withdraw_stale(decisions, task, self._tasks.task(task.name))
        self._count(task, decisions, now)
        selects, rate, accepted = self._sampler.selects, task.audit_rate, Reason.ACCEPTED
        concluded = []
        for row, (arrival, decision) in enumerate(zip(arrivals, decisions, strict=True)):
            request, requested_at, _ = arrival
            audited, label, deferral = selects(request.id, rate), None, None
            if decision.reason is accepted:
                label = surrogate_label(request, decision, audited, requested_at, now)
            if audited or label is None:
                features = vectors.vector_bytes(row) if vectors else None
                deferral = deferral_of(request, decision, task, audited, requested_at, features)
            concluded.append(Routed(arrival, label, deferral))
        return concluded


def _validate(
    task: Task, arrivals: list[Arrival[Origin]], refused: list[Refused[Origin]]
) -> tuple[list[Arrival[Origin]], Features | None]:
    """The requests that the task's embedder can use, and their features; the others join `refused`."""
    rows = request_features([arrival.request for arrival in arrivals], task)
    if rows is not None:  # the usual case: no request is looked at alone
        return arrivals, rows
    valid = []
    for arrival in arrivals:
        reason = feature_error(arrival.request, task)
        if reason is None:
            valid.append(arrival)
        else:
            refused.append(Refused(arrival, reason))
    return valid, request_features([arrival.request for arrival in valid], task)
