"""Classifier: a request to its label, whoever gives it. Knows no HTTP but the problems it raises.

repeated id        the label that it has already
accepted           the surrogate's label, at once; its label and audit copy go to Kafka before (`kafka`) or
                   right after (`none`) the answer
deferred           a deferral as the route role writes it; the label comes back on the topic of labels
Kafka is away      nothing is answered that could not be audited: the teacher is asked from here
Redis is away      the surrogate answers as the router's does; what is deferred is asked from here
a defect           of what decides: the teacher is asked from here
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple
from urllib.parse import quote

from schemas.codec import REPLY
from schemas.messages import Deferral, Label, Reason, Reply, Request
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.errors import DecisionFailed, DeliveryFailed, MaskFailed
from streams.gateway.batcher import RequestBatcher, Waiting
from streams.gateway.direct_teacher import DirectTeacher
from streams.gateway.problems import ClientGone, HttpProblem, ProblemKind, seconds_to_new_day, unavailable
from streams.gateway.recent_labels import RecentLabels
from streams.gateway.record_sender import RecordSender
from streams.kafka.batch import Outgoing
from streams.kafka.message import Headers
from streams.kafka.size_limits import SizeLimits
from streams.privacy.mask import Mask, mask_text
from streams.routing.conclusion import Arrival, Routed
from streams.routing.decisions import Decision
from streams.routing.outcomes import deferral_of, teacher_label
from streams.routing.outputs import RoutedTopics
from streams.routing.request_router import Refused
from streams.sampling import Sampler
from streams.tasks import Tasks
from streams.teacher.give_up import give_up_at

_KAFKA_AWAY = "Kafka is away"
_REDIS_AWAY = "Redis is away"


class ClassifiedAnswer(NamedTuple):
    """A label, and how it came about.

    Attributes:
        certified: of a surrogate's label: its version is certified now.
        replayed: the id had this label already.
    """

    label: Label
    certified: bool = False
    replayed: bool = False


async def _never_gone() -> None:
    await asyncio.Event().wait()


class Client(NamedTuple):
    """Who waits for a label.

    Attributes:
        seconds: for which it waits.
        waiting: takes a place among those that wait for a request of a task; raises HttpProblem if there is
            none.
        headers: that go with the request to its label.
        gone: returns once the client has hung up.
    """

    seconds: float
    waiting: Callable[[str], AbstractContextManager[None]]
    headers: Headers | None = None
    gone: Callable[[], Coroutine[Any, Any, None]] = _never_gone


class Classifier:
    """Args:
    sampler: the one that the batcher's router draws with.
    redis_answers: whether Redis answered when it was last asked.
    topics_are_read: whether config and labels are as Kafka has them; until then Kafka counts as away.
    acknowledged: whether the surrogate's answers wait for the broker.
    sizes: how large a record may be.
    count_labels: told of the labels that the surrogate has given.
    mask: applied to texts before anything else is done with them.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        sampler: Sampler,
        batcher: RequestBatcher,
        recent: RecentLabels,
        sender: RecordSender,
        teacher: DirectTeacher,
        redis_answers: Callable[[], bool],
        topics_are_read: Callable[[], bool],
        *,
        acknowledged: bool,
        sizes: SizeLimits,
        count_labels: Callable[[Sequence[Label]], None],
        mask: Mask | None = None,
    ) -> None:
        self._tasks = tasks
        self._sampler = sampler
        self._batcher = batcher
        self._recent = recent
        self._sender = sender
        self._teacher = teacher
        self._redis_answers = redis_answers
        self._topics_are_read = topics_are_read
        self._acknowledged = acknowledged
        self._sizes = sizes
        self._count_labels = count_labels
        self._mask = mask
        self._topics = RoutedTopics(topics)
        self._replies = topics.replies

    async def classify(self, request: Request, client: Client) -> ClassifiedAnswer:
        """The request's label.

        Raises:
            HttpProblem: there is none in time, or none at all.
            ClientGone: nobody waits for it any more; it comes all the same.
        """
        content = fingerprint(request)
        known = self._recent.find(request.task, request.id)
        if known is not None:
            if known.content not in (None, content):
                raise HttpProblem(
                    ProblemKind.ID_REUSED,
                    "this id was sent before with another content: give each request an id of its own",
                    request=request.id,
                    task=request.task,
                )
            if self._recent.is_under_way(known) and not self.kafka_is_away:
                return await self._join(request, client)
            if known.label is not None and known.label.source != "error":
                return self.answer(known.label, replayed=True)
        return await self._decide(self.masked(request), content, client)

    async def _decide(self, request: Request, content: int, client: Client) -> ClassifiedAnswer:
        requested_at = unix_ms()
        if self.kafka_is_away:
            return await self._forward(self.undecided(request, requested_at), content, client, _KAFKA_AWAY)
        try:
            result = await self._batcher.decide(request, requested_at)
        except DecisionFailed as error:
            return await self._forward(self.undecided(request, requested_at), content, client, str(error))
        if isinstance(result, Refused):
            raise HttpProblem(ProblemKind.UNUSABLE, result.reason, request=request.id, task=request.task)
        outputs = self._topics.outputs(result, request.id.encode(), client.headers)
        self._require_room(outputs, request)
        if result.label is not None:
            try:
                return await self.give(result.label, outputs, content)
            except HttpProblem:
                deferral = self.undecided(request, requested_at)
                return await self._forward(deferral, content, client, _KAFKA_AWAY)
        if not self._redis_answers():
            return await self._forward(_deferral_in(result), content, client, _REDIS_AWAY)
        try:
            return await self._wait_for_label(_deferral_in(result), outputs, content, client)
        except DeliveryFailed:
            return await self._forward(_deferral_in(result), content, client, _KAFKA_AWAY)

    async def give(self, label: Label, outputs: list[Outgoing], content: int) -> ClassifiedAnswer:
        """The surrogate's answer, once its records are as safe as the setting wants them.

        Args:
            outputs: the label's record, and the audit copy's where there is one.
            content: fingerprint of what was asked.

        Raises:
            HttpProblem: the broker does not take the records.
        """
        if self._acknowledged:
            try:
                await self._sender.send_acknowledged(outputs)
            except DeliveryFailed as error:
                raise unavailable(str(error), request=label.id, task=label.task) from error
        elif not self._sender.send(outputs):
            raise unavailable(_KAFKA_AWAY, request=label.id, task=label.task)
        self._recent.keep(label, content)
        self._count_labels((label,))
        return self.answer(label)

    async def _wait_for_label(
        self, deferral: Deferral, outputs: list[Outgoing], content: int, client: Client
    ) -> ClassifiedAnswer:
        request, config = deferral.request, self._tasks.task(deferral.request.task).config
        known = self._recent.find(request.task, request.id)
        # The same request may have come twice, and both were undecided.
        if known is not None and self._recent.is_under_way(known):
            return await self._join(request, client)
        with client.waiting(request.task):
            until = give_up_at(deferral, config.teacher, client.headers or ())
            self._recent.ask(request.task, request.id, deferral.requested_at, until, content)
            sent = self._sender.acknowledgement(outputs)

            def report(done: asyncio.Future[None]) -> None:
                error = None if done.cancelled() else done.exception()
                if isinstance(error, DeliveryFailed):
                    self._recent.fail(request.task, request.id, error)

            sent.add_done_callback(report)
            return self.answer(await self._label_in_time(request, client))

    async def _join(self, request: Request, client: Client) -> ClassifiedAnswer:
        """Wait for the label of a request that another call has asked."""
        try:
            with client.waiting(request.task):
                return self.answer(await self._label_in_time(request, client), replayed=True)
        except DeliveryFailed as error:
            raise unavailable(str(error), request=request.id, task=request.task) from error

    async def _label_in_time(self, request: Request, client: Client) -> Label:
        """Raises DeliveryFailed: the teacher could not be asked. Raises HttpProblem: no label in time."""
        with self._recent.waiting(request.task, request.id) as answer:
            gone = asyncio.create_task(client.gone())
            both: set[asyncio.Future[Any]] = {answer, gone}
            try:
                done, _ = await asyncio.wait(
                    both, timeout=client.seconds, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                gone.cancel()
            if answer in done:
                return answer.result()
        if gone in done:
            raise ClientGone
        later = label_path(request.task, request.id)
        raise HttpProblem(
            ProblemKind.TIMEOUT,
            f"no label within {client.seconds:g} s; it comes later: GET {later}",
            request=request.id,
            task=request.task,
            headers={"location": later},
        )

    async def _forward(self, deferral: Deferral, content: int, client: Client, why: str) -> ClassifiedAnswer:
        """The teacher's answer, asked from here; its reply is recorded when Kafka takes it."""
        config = self._tasks.task(deferral.request.task).config
        with client.waiting(deferral.request.task):
            reply, headers = await self._teacher.ask(
                deferral, config.teacher, client.seconds, why, client.headers
            )
        self.record(reply, headers)
        label = teacher_label(reply, unix_ms(), config.teacher.labels_renamed)
        if label.source != "error":
            self._recent.keep(label, content)
        return self.answer(label)

    async def give_label(
        self, label: Label, check: Deferral | None, headers: Headers | None, content: int
    ) -> ClassifiedAnswer:
        """The surrogate's answer, as `give`; `check` is the audit copy."""
        arrival = Arrival(Request(label.id, label.task, ""), label.requested_at, None)
        outputs = self._topics.outputs(Routed(arrival, label, check), label.id.encode(), headers)
        self._require_room(outputs, arrival.request)
        return await self.give(label, outputs, content)

    def _require_room(self, outputs: list[Outgoing], request: Request) -> None:
        """Raises HttpProblem: a record is too large for Kafka."""
        excess = next((out.topic for out in outputs if _size(out) > self._sizes.below(out.topic)), None)
        if excess is not None:
            most = self._sizes.below(excess)
            raise HttpProblem(
                ProblemKind.TOO_LARGE,
                f"the request and its headers do not fit into a Kafka message of {most} bytes",
                request=request.id,
                task=request.task,
            )

    @property
    def kafka_is_away(self) -> bool:
        """Whether nothing may be answered that could not be audited."""
        return self._sender.is_stalled or not self._topics_are_read()

    def record_given(self, reply: Reply) -> None:
        """Write down what an LLM said to an app, and keep it as the answer: feedback may come at once.

        The check of an answer that the surrogate gave is only written down.
        """
        self.record(reply)
        if reply.label is not None and not reply.deferral.audit:
            renamed = self._tasks.task(reply.deferral.request.task).config.teacher.labels_renamed
            self._recent.keep(teacher_label(reply, unix_ms(), renamed))

    def record(self, reply: Reply, headers: Headers | None = None) -> None:
        """Write down what the teacher said.

        Args:
            headers: that follow from the request.
        """
        key = reply.deferral.request.id.encode()
        self._sender.send([Outgoing(self._replies, key, REPLY.encode(reply), headers)])

    def undecided(self, request: Request, requested_at: int) -> Deferral:
        """What the teacher is asked while nothing may be decided."""
        task = self._tasks.task(request.task)
        decision = Decision(Reason.UNAVAILABLE, None, task.threshold)
        audited = self._sampler.selects(request.id, task.audit_rate)
        return deferral_of(request, decision, task, audited, requested_at, None)

    def answer(self, label: Label, *, replayed: bool = False) -> ClassifiedAnswer:
        """Raises HttpProblem: the label is an error."""
        if label.source == "error":
            raise _no_label(label)
        task = self._tasks.task(label.task)
        live = task.live.version if task.live else None
        certified = label.source == "surrogate" and task.sampling.certified and label.policy == live
        return ClassifiedAnswer(label, certified, replayed)

    def masked(self, request: Request) -> Request:
        """The request with its text masked. Raises HttpProblem: it can't be."""
        if self._mask is None or request.text is None:
            return request
        try:
            text = mask_text(self._mask, request.text)
        except MaskFailed as error:
            detail = f"the text can't be masked: {error}"
            raise HttpProblem(ProblemKind.UNUSABLE, detail, request=request.id, task=request.task) from error
        return Request(request.id, request.task, text, request.embedding, request.metadata)


def _no_label(label: Label) -> HttpProblem:
    """Why a request has an error for a label."""
    detail = label.error or "the teacher gave no label"
    if label.reason is Reason.BUDGET:
        wait = seconds_to_new_day(unix_ms())
        return unavailable(detail, retry_after=wait, request=label.id, task=label.task, label=label)
    return HttpProblem(ProblemKind.TEACHER_FAILED, detail, request=label.id, task=label.task, label=label)


def _deferral_in(routed: Routed[Waiting]) -> Deferral:
    assert routed.deferral is not None  # noqa: S101 - what has no label has a deferral
    return routed.deferral


def _size(out: Outgoing) -> int:
    """Bytes of a record."""
    headers = sum(len(name) + len(value or b"") for name, value in out.headers or ())
    return len(out.value or b"") + len(out.key or b"") + headers


def label_path(task: str, request: str) -> str:
    """Where the label of a request is found later."""
    return f"/v1/labels/{quote(request, safe='')}?task={quote(task)}"


def fingerprint(request: Request) -> int:
    """Of what is asked; holds within this process."""
    vector = request.embedding
    return hash(
        (
            request.text,
            tuple(vector) if isinstance(vector, list) else vector,
            tuple(sorted(request.metadata.items())),
        )
    )
