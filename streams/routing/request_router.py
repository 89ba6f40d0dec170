"""Routes requests, wherever they come from: features, decision, answer or question to the teacher.

The requests of a batch go through four steps, each task by itself:

    validate   requests that the task's embedder can't use are refused
    features   texts or vectors, a row a request
    decide     answer or defer, with a reason (`streams.routing.decisions`)
    conclude   label, deferral or both, once all tasks are decided; answers are withdrawn if the task has
               changed meanwhile

A request on which a step fails by a defect is found by halving its task's part of the batch, and fails alone.

Where an encoder makes the vectors, what a cascade's first stage answers from the text alone is answered. The
rest is left: nothing here waits for an encoder. `streams.routing.encoded_requests` concludes it, in this
process or in the role `encode`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from models.features import Features
from streams.encoder_spec import encoder_spec
from streams.halving import fail_alone
from streams.routing.canary import canary_mask
from streams.routing.conclusion import Arrival, Count, Decided, Origin, Routed, conclude
from streams.routing.decisions import COUNTED, Decision, decide, holds_early
from streams.routing.early_decisions import decide_from_text
from streams.routing.encoded_requests import EncodedRequests, Unencoded
from streams.routing.features import feature_error, request_features
from streams.routing.text_answers import TextAnswers
from streams.routing.waiting_text import TaskSource
from streams.sampling import Sampler
from streams.tasks import Task

Made = TypeVar("Made")


class Refused(NamedTuple, Generic[Origin]):
    """A request that its task's embedder can't use, or whose task is none, and why."""

    arrival: Arrival[Origin]
    reason: str


class Failed(NamedTuple, Generic[Origin]):
    """A request on which the decision failed, by a defect."""

    arrival: Arrival[Origin]
    error: Exception


class RoutedBatch(NamedTuple, Generic[Origin]):
    """What becomes of each request; one that is answered and audited may be both routed and unencoded."""

    routed: list[Routed[Origin]]
    refused: list[Refused[Origin]]
    unencoded: list[Unencoded[Origin]]
    failed: list[Failed[Origin]]


class _DecidedFromText(NamedTuple, Generic[Origin]):
    """Requests of one task, and the answers that their texts alone have on a state of it."""

    task: Task
    arrivals: Sequence[Arrival[Origin]]
    answers: Sequence[Decision | None]


class RequestRouter:
    """Turns requests into labels and deferrals.

    Args:
        tasks: read at each batch, and again before its outputs are made.
        sampler: decides which requests are audited.
        count: told of each task's decisions, with the time.
        longest_inline: characters of a batch's texts from which on it is scored in a thread; None: never.
        refusal: why requests of a task are refused, given its name; None where they are not.
        count_traffic: told of the decisions that the watch for drift counts. Answers from texts alone are
            among them once the next text of the task has its vector.
        checks_follow: an audited answer is given at once, and its check when it has its vector; else both
            are given then, together.
    """

    def __init__(
        self,
        tasks: TaskSource,
        sampler: Sampler,
        count: Count,
        longest_inline: int | None = None,
        refusal: Callable[[str], str | None] = lambda _: None,
        *,
        count_traffic: Count = lambda *_: None,
        checks_follow: bool = False,
    ) -> None:
        self._tasks = tasks
        self._sampler = sampler
        self._count = count
        self._count_traffic = count_traffic
        self._longest_inline = longest_inline
        self._refusal = refusal
        self._checks_follow = checks_follow
        self._text_answers = TextAnswers()

    def encoded_requests(
        self,
        give: Callable[[Sequence[Routed[Origin]]], None],
        fail: Callable[[Arrival[Origin], Exception], None],
    ) -> EncodedRequests[Origin]:
        """Who concludes in this process what batches leave unencoded; `give` and `fail` as there."""
        return EncodedRequests(self._tasks, self._sampler, self._count, self._count_traffic, give, fail)

    async def route(self, arrivals: Iterable[Arrival[Origin]], now: int) -> RoutedBatch[Origin]:
        """What becomes of each request: it is decided, refused, left for an encoder, or fails alone.

        Args:
            now: Unix milliseconds.
        """
        by_task: defaultdict[str, list[Arrival[Origin]]] = defaultdict(list)
        for arrival in arrivals:
            by_task[arrival.request.task].append(arrival)
        decided: list[Decided[Origin]] = []
        from_text: list[_DecidedFromText[Origin]] = []
        batch: RoutedBatch[Origin] = RoutedBatch([], [], [], [])

        async def decide_group(group: Sequence[Arrival[Origin]]) -> None:
            task = self._tasks.task(group[0].request.task)
            valid, rows, refused = _validate(task, group)
            if rows is None or rows.texts is None or encoder_spec(task.config) is None:
                decided.append(Decided(task, valid, await self._decide(task, valid, rows)))
            else:
                answers = await self._in_turn(rows, lambda: decide_from_text(task, rows.texts or ()))
                from_text.append(_DecidedFromText(task, valid, answers))
            batch.refused.extend(refused)

        for name, group in by_task.items():
            if (reason := self._refusal(name)) is not None:
                batch.refused.extend(Refused(arrival, reason) for arrival in group)
                continue
            batch.failed.extend(Failed(*one) for one in await fail_alone(group, decide_group))
        # Only now: while some requests were scored in a thread, the breaker of others may have opened.
        for some in from_text:
            self._conclude_from_text(some, now, batch)
        for one in decided:
            routed, decisions = conclude(one, self._tasks.task(one.task.name), self._sampler, now)
            self._count_traffic(one.task, decisions, now)
            self._count(one.task, decisions, now)
            batch.routed.extend(routed)
        return batch

    async def _decide(
        self, task: Task, arrivals: Sequence[Arrival[Origin]], rows: Features | None
    ) -> list[Decision]:
        by_canary = canary_mask(self._sampler, task, (arrival.request.id for arrival in arrivals))
        return await self._in_turn(rows, lambda: decide(task, rows, len(arrivals), by_canary))

    def _conclude_from_text(
        self, decided: "_DecidedFromText[Origin]", now: int, batch: RoutedBatch[Origin]
    ) -> None:
        """Answer what the texts alone answer; the rest, and each check, is to be encoded."""
        task, arrivals, answers = decided
        if not holds_early(task, self._tasks.task(task.name), 0):
            answers = [None] * len(arrivals)  # they are decided again, with their vectors
        drawn = not task.answers_nothing
        given = {
            row: answer
            for row, answer in enumerate(answers)
            if answer is not None and not self._waits(arrivals[row], task)
        }
        answered = Decided(task, [arrivals[row] for row in given], list(given.values()))
        routed, _ = conclude(answered, task, self._sampler, now)
        self._count(task, answered.decisions, now)
        self._text_answers.note(
            task.name, (one.guess for row, one in given.items() if row < COUNTED and one.guess is not None)
        )
        for arrival, label, check in routed:
            batch.routed.append(Routed(arrival, label, None))
            if check is not None:
                batch.unencoded.append(Unencoded(arrival, check, drawn, counted=False))
        for row, (arrival, answer) in enumerate(zip(arrivals, answers, strict=True)):
            if row not in given:
                before, given_on = self._text_answers.take(task.name), None if answer is None else task
                batch.unencoded.append(
                    Unencoded(arrival, None, drawn, row < COUNTED, before, answer, given_on)
                )

    def _waits(self, arrival: Arrival[Origin], task: Task) -> bool:
        """Whether an answer is given with its check only, which becomes a trace and so wants a vector."""
        return not self._checks_follow and self._sampler.selects(arrival.request.id, task.audit_rate)

    async def _in_turn(self, rows: Features | None, decision: Callable[[], Made]) -> Made:
        """What the decision makes; in a thread where the texts are long, and others have their turn."""
        return await asyncio.to_thread(decision) if self._is_long(rows) else decision()

    def _is_long(self, rows: Features | None) -> bool:
        if self._longest_inline is None or rows is None or rows.texts is None:
            return False
        return sum(map(len, rows.texts)) > self._longest_inline


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
