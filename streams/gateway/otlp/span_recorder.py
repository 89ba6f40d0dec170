"""Span recorder: calls of an LLM that an app's instrumentation has recorded become traces.

Text and label are read by the task's chat rules, as of a call that the gateway forwards. A span is written as
a reply with the span's id, so that one that is exported again makes no second trace.

Nobody here knows how the app has drawn its spans: exporters drop some under load, collectors prefer slow or
failed ones. So a span only trains (`seeded`), unless `chat.spans` says that they are a sample. Even then an
old one only trains, as from a file that is replayed.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import ValidationError, convert
from msgspec.structs import replace

from schemas.codec import REPLY
from schemas.config import EVERY_TASK
from schemas.messages import Deferral, Reason, Reply, Request, RequestId, TaskName, Teacher
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.errors import DeliveryFailed, UnreadableAnswer
from streams.gateway.caller_check import Caller
from streams.gateway.chat.conversation import NotAQuestion
from streams.gateway.chat.question import read_question
from streams.gateway.chat.signature import chat_signature
from streams.gateway.chat.upstream_reply import UpstreamReply
from streams.gateway.chat_decider import ChatDecider
from streams.gateway.chat_recorder import AskedChat, ChatRecorder
from streams.gateway.classifier import Classifier
from streams.gateway.learned_tasks import LearnedTasks
from streams.gateway.otlp.span_question import RecordedChat, recorded_chat, with_form
from streams.gateway.problems import HttpProblem, unavailable
from streams.gateway.record_sender import RecordSender
from streams.kafka.batch import Outgoing
from streams.kafka.size_limits import SizeLimits
from streams.recorded_calls.rows import LeftOut
from streams.recorded_calls.spans import SpanCall, usage_of
from streams.tasks import Task, Tasks

TASK_ATTRIBUTE = "understudy.task"
"""Attribute of a span, or of its resource, that names the task."""
_LIVE_MS = 3_600_000
"""Age of a span that may still be one of a sample of today's traffic."""
_LONGEST_MESSAGE = 500
_REASONS = 3
_NO_ID = "it has no ids"
_NO_TASK = f"no task: name it by the attribute {TASK_ATTRIBUTE}, the header x-understudy-task or the key"
_UNKNOWN_KIND = "no task knows calls like this one (`understudy tasks proposed`)"
_NOT_CLASSIFIED = "the task's `embedder` can't read it"
_TOO_LARGE = "it is larger than a message may be"


class ExportReport(NamedTuple):
    """What became of an export: spans that were not used, and why."""

    reasons: Counter[str]

    @property
    def rejected(self) -> int:
        return self.reasons.total()

    @property
    def message(self) -> str:
        """The most frequent reasons; empty where there are none."""
        shown = [f"{count}: {reason}" for reason, count in self.reasons.most_common(_REASONS)]
        more = ["..."] if len(self.reasons) > _REASONS else []
        return "; ".join(["spans not used", *shown, *more])[:_LONGEST_MESSAGE] if shown else ""


class _NotUsed(Exception):
    """A span makes no trace; says why."""


class SpanRecorder:
    """Args:
    sizes: how large a record may be.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        decider: ChatDecider,
        classifier: Classifier,
        recorder: ChatRecorder,
        learned: LearnedTasks,
        sender: RecordSender,
        sizes: SizeLimits,
    ) -> None:
        self._tasks = tasks
        self._replies = topics.replies
        self._decider = decider
        self._classifier = classifier
        self._recorder = recorder
        self._learned = learned
        self._sender = sender
        self._sizes = sizes

    async def record(
        self, caller: Caller, named: str | None, calls: Sequence[SpanCall | LeftOut]
    ) -> ExportReport:
        """Write down what the spans say.

        Args:
            named: the task of those that name none.

        Raises:
            HttpProblem: Kafka has not taken the records. The same export may be sent again.
        """
        if self._classifier.kafka_is_away:
            raise unavailable("Kafka is away: send the spans again later")
        reasons, records = Counter[str](), list[Outgoing]()
        for call in calls:
            try:
                records.append(await self._record_of(call, caller, named))
            except _NotUsed as reason:
                reasons[str(reason)] += 1
        if records:
            try:
                await self._sender.send_acknowledged(records)
            except DeliveryFailed as error:
                raise unavailable(f"{error}: send the spans again") from error
        return ExportReport(reasons)

    async def _record_of(self, call: SpanCall | LeftOut, caller: Caller, named: str | None) -> Outgoing:
        """Raises _NotUsed."""
        if isinstance(call, LeftOut):
            raise _NotUsed(call.reason)
        try:
            chat = recorded_chat(call)
            task = self._tasks.task(self._task_of(call, chat, caller, named))
            reply = await self._reply(call, chat, task)
        except (NotAQuestion, UnreadableAnswer, HttpProblem) as problem:
            raise _NotUsed(str(problem)) from problem
        record = Outgoing(self._replies, reply.deferral.request.id.encode(), REPLY.encode(reply), None)
        if len(record.value or b"") > self._sizes.below(self._replies):
            raise _NotUsed(_TOO_LARGE)
        return record

    def _task_of(self, call: SpanCall, chat: RecordedChat, caller: Caller, named: str | None) -> str:
        """The task that the span names, or its export, or the key; or that knows calls like this one."""
        of_span = call.attributes.get(TASK_ATTRIBUTE)
        if of_span is not None or named is not None or caller.only_task is not None:
            try:
                return caller.task(convert(of_span, TaskName) if of_span is not None else named)
            except ValidationError as error:
                raise _NotUsed(f"the attribute {TASK_ATTRIBUTE}: {error}") from error
        try:
            task = self._learned.task_of(caller, chat.fields, chat_signature)
        except HttpProblem:
            raise _NotUsed(_NO_TASK) from None
        if task == EVERY_TASK:
            raise _NotUsed(_UNKNOWN_KIND)
        return task

    async def _reply(self, call: SpanCall, chat: RecordedChat, task: Task) -> Reply:
        """Raises NotAQuestion, UnreadableAnswer, HttpProblem, _NotUsed."""
        config = task.config
        labels = config.teacher.labels or (task.live.labels if task.live else ())
        question = read_question(with_form(chat, config.chat, labels), config.chat, labels)
        request = self._classifier.masked(Request(_id_of(call), task.name, question.text))
        decision = await self._decider.decide(request, task, "record", knows_prompt=False)
        if decision.deferral is None:
            raise _NotUsed(_NOT_CLASSIFIED)
        model = call.requested_model or call.model or config.teacher.model or ""
        deferral = _deferral(decision.deferral, call.at, unix_ms(), is_sample=config.chat.spans == "sample")
        asked = AskedChat(deferral, question, Teacher(model, question.prompt), labels)
        return self._recorder.reply_to(asked, UpstreamReply(chat.answer, usage_of(call.attributes)))


def _id_of(call: SpanCall) -> str:
    try:
        return convert(call.id, RequestId)
    except ValidationError:
        raise _NotUsed(_NO_ID) from None


def _deferral(deferral: Deferral, at: int | None, now: int, *, is_sample: bool) -> Deferral:
    """The deferral of a span: one of the sample, or one that only trains."""
    requested_at = min(at or now, now)
    if is_sample and now - requested_at <= _LIVE_MS:
        return replace(deferral, requested_at=requested_at)
    return replace(
        deferral,
        requested_at=requested_at,
        reason=Reason.SEEDED,
        sampled=False,
        inclusion=None,
        guess=None,
        threshold=None,
        shadow=None,
        expected=None,
    )
