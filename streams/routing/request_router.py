"""Routes requests, wherever they come from: features, decision, answer or question to the teacher.

The requests of a batch go through four steps, each task by itself:

    validate   requests that the task's embedder can't use are refused
    features   texts or vectors, a row a request
    decide     answer or defer, with a reason (`streams.routing.decisions`)
    conclude   label, deferral or both, once all tasks are decided; answers are withdrawn if the task has
               changed meanwhile

A request on which a step fails by a defect is found by halving its task's part of the batch, and fails alone.

Where an encoder makes the vectors, what a cascade's first stage answers from the text alone is answered. The
rest waits for the encoder (`streams.routing.encoder_queue`), here or in the role `encode`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, Protocol

from models.embedders.contract import Embedder
from models.features import Features
from schemas.messages import Deferral, Guess
from streams.encoder_spec import encoder_spec
from streams.halving import fail_alone
from streams.routing.canary import canary_mask
from streams.routing.conclusion import Arrival, Count, Decided, Origin, Routed, conclude
from streams.routing.decisions import COUNTED, Decision, decide
from streams.routing.early_decisions import decide_from_text
from streams.routing.encoded_part import DecidedText
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.features import feature_error, request_features
from streams.routing.waiting_text import WaitingText
from streams.sampling import Sampler
from streams.tasks import Task


class TaskSource(Protocol):
    """The tasks as they are now; `Tasks`, or another view of them."""

    def task(self, name: str) -> Task: ...

    def drop_encoder(self, embedder: Embedder) -> None:
        """Stop using an encoder that has failed."""
        ...


class Refused(NamedTuple, Generic[Origin]):
    """A request that its task's embedder can't use, or whose task is none, and why."""

    arrival: Arrival[Origin]
    reason: str


class Failed(NamedTuple, Generic[Origin]):
    """A request on which the decision failed, by a defect."""

    arrival: Arrival[Origin]
    error: Exception


class Unencoded(NamedTuple, Generic[Origin]):
    """A request that an encoder has to make a vector of, elsewhere.

    Attributes:
        check: of the answer that it has; None where it is still to be decided.
        drawn: others are answered from their texts alone.
        counted: whether the watch for drift counts its decision.
    """

    arrival: Arrival[Origin]
    check: Deferral | None
    drawn: bool
    counted: bool


class RoutedBatch(NamedTuple, Generic[Origin]):
    """What becomes of each request; one that is answered and audited may be both routed and unencoded.

    Attributes:
        text_answers: task and guess of the answers from texts alone that the watch for drift counts.
    """

    routed: list[Routed[Origin]]
    refused: list[Refused[Origin]]
    unencoded: list[Unencoded[Origin]]
    text_answers: list[tuple[str, Guess]]
    failed: list[Failed[Origin]]


class RequestRouter:
    """Turns requests into labels and deferrals.

    Args:
        tasks: read at each batch, and again before its outputs are made.
        sampler: decides which requests are audited.
        count: told of each task's decisions, with the time.
        longest_inline: characters of a batch's texts from which on it is scored in a thread; None: never.
        refusal: why requests of a task are refused, given its name; None where they are not.
        encoders: of this process; None where others encode.
    """

    def __init__(
        self,
        tasks: TaskSource,
        sampler: Sampler,
        count: Count,
        longest_inline: int | None = None,
        refusal: Callable[[str], str | None] = lambda _: None,
        encoders: EncoderQueues | None = None,
    ) -> None:
        self._tasks = tasks
        self._sampler = sampler
        self._count = count
        self._longest_inline = longest_inline
        self._refusal = refusal
        self._encoders = encoders

    async def route(self, arrivals: Iterable[Arrival[Origin]], now: int) -> RoutedBatch[Origin]:
        """What becomes of each request: it is decided, refused, encoded elsewhere, or fails alone.

        Args:
            now: Unix milliseconds.
        """
        by_task: defaultdict[str, list[Arrival[Origin]]] = defaultdict(list)
        for arrival in arrivals:
            by_task[arrival.request.task].append(arrival)
        decided: list[Decided[Origin]] = []
        batch: RoutedBatch[Origin] = RoutedBatch([], [], [], [], [])

        async def decide_group(group: Sequence[Arrival[Origin]]) -> None:
            task = self._tasks.task(group[0].request.task)
            valid, rows, refused = _validate(task, group)
            if rows is None or rows.texts is None or encoder_spec(task.config) is None:
                decided.append(Decided(task, valid, await self._decide(task, valid, rows)))
            elif self._encoders is None:
                self._route_from_text(task, valid, rows.texts, now, batch)
            else:
                decided.extend(await self._decide_encoded(task, valid, rows.texts, self._encoders))
            batch.refused.extend(refused)

        for name, group in by_task.items():
            if (reason := self._refusal(name)) is not None:
                batch.refused.extend(Refused(arrival, reason) for arrival in group)
                continue
            batch.failed.extend(Failed(*one) for one in await fail_alone(group, decide_group))
        # Only now: while one task was scored in a thread, the breaker of another may have opened.
        for one in decided:
            routed, decisions = conclude(one, self._tasks.task(one.task.name), self._sampler, now)
            self._count(one.task, decisions, now)
            batch.routed.extend(routed)
        return batch

    async def _decide(
        self, task: Task, arrivals: Sequence[Arrival[Origin]], rows: Features | None
    ) -> list[Decision]:
        by_canary = canary_mask(self._sampler, task, (arrival.request.id for arrival in arrivals))
        if self._is_long(rows):
            return await asyncio.to_thread(decide, task, rows, len(arrivals), by_canary)
        return decide(task, rows, len(arrivals), by_canary)

    def _route_from_text(
        self,
        task: Task,
        arrivals: Sequence[Arrival[Origin]],
        texts: Sequence[str],
        now: int,
        batch: RoutedBatch[Origin],
    ) -> None:
        """Answer what the texts alone answer; the rest, and each check, is to be encoded."""
        answers, drawn = decide_from_text(task, texts), not task.answers_nothing
        given = [(arrival, one) for arrival, one in zip(arrivals, answers, strict=True) if one is not None]
        answered = Decided(task, [arrival for arrival, _ in given], [one for _, one in given])
        routed, _ = conclude(answered, task, self._sampler, now)
        self._count(task, answered.decisions, now)
        counted = [one for one in answers[:COUNTED] if one is not None]
        batch.text_answers.extend((task.name, one.guess) for one in counted if one.guess is not None)
        for arrival, label, check in routed:
            batch.routed.append(Routed(arrival, label, None))
            if check is not None:
                batch.unencoded.append(Unencoded(arrival, check, drawn, counted=False))
        for row, (arrival, answer) in enumerate(zip(arrivals, answers, strict=True)):
            if answer is None:
                batch.unencoded.append(Unencoded(arrival, None, drawn, counted=row < COUNTED))

    async def _decide_encoded(
        self,
        task: Task,
        arrivals: Sequence[Arrival[Origin]],
        texts: Sequence[str],
        encoders: EncoderQueues,
    ) -> list[Decided[Origin]]:
        """Decide with the vectors that the encoders of this process make in time."""
        answers, rate = decide_from_text(task, texts), task.audit_rate
        owner: _BatchOwner[Origin] = _BatchOwner(self._tasks)
        answered, given = [], []
        waiting = []
        for arrival, text, answer in zip(arrivals, texts, answers, strict=True):
            # The check of an audited answer becomes a trace, so it wants a vector as well.
            if answer is not None and not self._sampler.selects(arrival.request.id, rate):
                answered.append(arrival)
                given.append(answer)
            else:
                waiting.append(WaitingText(arrival.request.id, text, arrival))
        if waiting:
            await owner.decide(encoders, task.name, waiting)
        return [Decided(task, answered, given), *owner.decided] if answered else owner.decided

    def _is_long(self, rows: Features | None) -> bool:
        if self._longest_inline is None or rows is None or rows.texts is None:
            return False
        return sum(map(len, rows.texts)) > self._longest_inline


class _BatchOwner(Generic[Origin]):
    """Collects the decisions on the texts of one batch."""

    def __init__(self, tasks: TaskSource) -> None:
        self._tasks = tasks
        self._left = 0
        self._is_done = asyncio.Event()
        self.decided: list[Decided[Origin]] = []

    async def decide(self, encoders: EncoderQueues, name: str, waiting: Sequence[WaitingText]) -> None:
        self._left = len(waiting)
        encoders.add(self, name, waiting)
        await self._is_done.wait()

    def task(self, name: str) -> Task:
        return self._tasks.task(name)

    def drop_encoder(self, embedder: Embedder) -> None:
        self._tasks.drop_encoder(embedder)

    def take_decided(
        self, task: Task, waiting: Sequence[WaitingText], decided: Sequence[DecidedText]
    ) -> None:
        self.decided.append(
            Decided(
                task,
                [one.origin for one in waiting],
                [one.decision for one in decided],
                [one.features for one in decided],
            )
        )
        self._left -= len(waiting)
        if self._left == 0:
            self._is_done.set()


def _validate(
    task: Task, arrivals: Sequence[Arrival[Origin]]
) -> tuple[Sequence[Arrival[Origin]], Features | None, list[Refused[Origin]]]:
    """The requests that the task's embedder can use, and their features; and those that it can't use."""
    refused: list[Refused[Origin]] = []
    rows = request_features([arrival.request for arrival in arrivals], task)
    if rows is not None:  # the usual case: no request is looked at alone
        return arrivals, rows, refused
    valid = []
    for arrival in arrivals:
        reason = feature_error(arrival.request, task)
        if reason is None:
            valid.append(arrival)
        else:
            refused.append(Refused(arrival, reason))
    return valid, request_features([arrival.request for arrival in valid], task), refused
