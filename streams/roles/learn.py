"""learn: answer the client with the teacher's label, and record it as a trace.

Reads replies; writes labels, traces, audits, failed audits and dead letters. Only the first label for a
question counts. An error claims nothing: a later label still counts, and says that it supersedes the error
(`streams.state.reply_dedup`). A reply that counts does so again when it is redelivered, so that a transaction
that was aborted can be repeated.

A share of the sampled requests goes back to the teacher at once, with its first answer: the second answer
becomes a trace that shows how often the teacher contradicts itself, and no label. A second answer that fails
is not missed.
"""

import logging
import re
from collections.abc import Callable, Sequence

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from msgspec.structs import replace

from schemas.codec import AUDIT_FAILURE, DEFERRAL, LABEL, REPLY, TRACE
from schemas.messages import Answer, AuditFailure, Deferral, Label, Reason, Reply, Trace
from schemas.topics import Topics
from schemas.vectors import vector_bytes
from streams.clock import unix_ms
from streams.kafka.batch import Batch, MessageOutputs, Outgoing
from streams.kafka.channel import BatchChannel
from streams.kafka.cloud_events import label_headers
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import key_of, time_of
from streams.privacy.forgotten import ForgottenRequests
from streams.roles.label_cap import LabelCap
from streams.routing.outcomes import teacher_label
from streams.sampling import Sampler
from streams.state.reply_dedup import Claim, ReplyDedup, ReplyPosition, question_of
from streams.tasks import Tasks
from streams.tracing.contract import NO_TRACING, Tracing

log = logging.getLogger(__name__)

STAGE = "learn"

_LONGEST_ERROR = 300
_QUOTED = re.compile(r"'.*'|\".*\"")
"""What the model said may repeat the request."""


def trace_of(reply: Reply, label: str, replied_at: int) -> Trace:
    deferral = reply.deferral
    request = deferral.request
    return Trace(
        id=request.id,
        task=request.task,
        label=label,
        reason=deferral.reason,
        audit=deferral.audit,
        sampled=deferral.sampled,
        embedder=deferral.embedder,
        requested_at=deferral.requested_at,
        replied_at=replied_at,
        text=request.text,
        features=_features(deferral),
        guess=deferral.guess,
        threshold=deferral.threshold,
        teacher=reply.teacher,
        inclusion=deferral.inclusion,
        shadow=deferral.shadow,
        encoder=deferral.encoder,
        first=deferral.first,
        expected=deferral.expected,
        confidence=reply.confidence,
    )


def audit_failure_of(reply: Reply, failed_at: int) -> AuditFailure | None:
    """The record of an audit that would certify and got an error; None of any other reply."""
    deferral, guess = reply.deferral, reply.deferral.guess
    if reply.error is None or guess is None or not (deferral.checks_answer and deferral.sampled):
        return None
    line = _QUOTED.sub("'…'", next(iter(reply.error.splitlines()), ""))[:_LONGEST_ERROR]
    request = deferral.request
    return AuditFailure(
        id=request.id,
        task=request.task,
        policy=guess.policy,
        requested_at=deferral.requested_at,
        failed_at=failed_at,
        error=line,
        teacher=reply.teacher,
        gave_up=reply.gave_up,
    )


def repeat_deferral(reply: Reply, label: str) -> Deferral:
    """The same request for the teacher once more. The surrogate's guess is left out."""
    return replace(
        reply.deferral,
        reason=Reason.REPEAT,
        audit=False,
        sampled=False,
        guess=None,
        threshold=None,
        shadow=None,
        expected=None,
        first=Answer(label, reply.teacher),
    )


def _features(deferral: Deferral) -> bytes | None:
    if deferral.features is not None:
        return deferral.features
    return None if deferral.request.embedding is None else vector_bytes(deferral.request.embedding)


class ReplyRecorder:
    """Turns replies into labels and traces, and some into a second question.

    Args:
        sampler: decides which.
        forgotten: requests whose texts and vectors must not be written.
        label_cap: limits the labels of tasks without a label set; None lets them all count.
        count_labels: told of the labels that are written; of a batch that is read again once more.
        tracing: records a span for each reply, with its outcome.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        sampler: Sampler,
        replies: ReplyDedup,
        forgotten: ForgottenRequests | None = None,
        label_cap: LabelCap | None = None,
        count_labels: Callable[[Sequence[Label]], None] = lambda _: None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._tracing = tracing
        self._tasks = tasks
        self._topics = topics
        self._sampler = sampler
        self._replies = replies
        self._forgotten = forgotten or ForgottenRequests()
        self._label_cap = label_cap
        self._count_labels = count_labels
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)

    async def record_batch(self, messages: Sequence[Message], now: int) -> list[MessageOutputs]:
        """The outputs of each reply of a batch: label, trace, second question, dead letter.

        Args:
            now: Unix milliseconds.

        Raises:
            StateUnavailable: Redis can't say now which replies count.
        """
        decoded, outputs = self._dead_letters.decode_all(REPLY, messages)
        replies = await self._with_capped_labels(decoded, now)
        places = [_position(reply, message) for reply, message in replies]
        claims = await self._replies.claim(places)
        for (reply, message), place, claim in zip(replies, places, claims, strict=True):
            if claim is Claim.REFUSED:
                log.debug("dropped a reply, because another one counts: %s", place)
                continue
            try:
                made = self._outputs_of(reply, message, now, claim is Claim.SUPERSEDES)
            except Exception as error:  # noqa: BLE001 - no other reply of the batch is to suffer
                outputs.append(self._dead_letters.failed(message, error))
            else:
                outputs.append(MessageOutputs(message, made))
        return outputs

    async def _with_capped_labels(
        self, replies: Sequence[tuple[Reply, Message]], now: int
    ) -> Sequence[tuple[Reply, Message]]:
        if self._label_cap is None:
            return replies
        capped = await self._label_cap.apply([reply for reply, _ in replies], now)
        return [(reply, message) for reply, (_, message) in zip(capped, replies, strict=True)]

    def _outputs_of(self, reply: Reply, message: Message, now: int, supersedes: bool) -> list[Outgoing]:
        key, deferral = key_of(message), reply.deferral
        if deferral.first is None and deferral.reason is Reason.REPEAT:
            return [
                self._dead_letters.letter(message, "the deferral is not echoed whole: `first` is missing")
            ]
        if deferral.first is not None and reply.label is None:
            log.info(
                "teacher failed on a repeated question, ignored: %s, request=%s",
                reply.error,
                deferral.request.id,
            )
            return []
        outputs, label = [], self._label_of(reply, now, supersedes)
        headers = self._tracing.step(STAGE, message, now, label or reply)
        if label is not None:
            self._count_labels([label])
            said = label_headers(label, self._topics.labels, headers)
            outputs.append(Outgoing(self._topics.labels, key, LABEL.encode(label), said))
        replied_at = min(time_of(message), now)  # a clock that is ahead must make no later trace look old
        if reply.label is None:
            outputs.append(self._dead_letters.letter(message, reply.error or "no label"))
            if (failure := audit_failure_of(reply, replied_at)) is not None:
                value = AUDIT_FAILURE.encode(failure)
                outputs.append(Outgoing(self._topics.audit_failures, key, value, headers))
        else:
            trace = trace_of(reply, reply.label, replied_at)
            forgotten = self._forgotten.covers_trace(trace)
            if forgotten:
                trace = replace(trace, text=None, features=None)
            outputs.append(Outgoing(self._topics.traces, key, TRACE.encode(trace), headers))
            if not forgotten and self._is_repeated(deferral):
                again = repeat_deferral(reply, reply.label)
                outputs.append(Outgoing(self._topics.audits, key, DEFERRAL.encode(again), headers))
        return outputs

    def _label_of(self, reply: Reply, now: int, supersedes: bool) -> Label | None:
        """The client's answer; None where the reply is about an answer that was given."""
        deferral = reply.deferral
        if deferral.audit or deferral.first is not None:
            return None
        renamed = self._tasks.task(deferral.request.task).config.teacher.labels_renamed
        return teacher_label(reply, now, renamed, supersedes)

    def _is_repeated(self, deferral: Deferral) -> bool:
        """Whether the teacher is asked again; only the teacher role can ask so."""
        request, once = deferral.request, deferral.first is None and deferral.asked_by is None
        rate = self._tasks.task(request.task).config.repeat_rate
        return once and deferral.sampled and self._sampler.selects_repeat(request.id, rate)


def _position(reply: Reply, message: Message) -> ReplyPosition:
    deferral, request = reply.deferral, reply.deferral.request
    return ReplyPosition(
        request.task,
        request.id,
        message.partition() or 0,
        message.offset() or 0,
        attempt=deferral.requested_at,
        failed=reply.label is None,
        question=question_of(deferral),
    )


def install(app: App, channel: BatchChannel, recorder: ReplyRecorder) -> None:
    """Register the agent."""

    @app.agent(channel, name=STAGE)
    async def learn(batches: StreamT[Batch]) -> None:
        async for batch in batches:
            with batch.settle() as outputs:
                outputs.extend(await recorder.record_batch(batch.messages, unix_ms()))
