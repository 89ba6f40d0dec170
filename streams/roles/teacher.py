"""teacher: ask the LLM about each deferral.

Reads deferrals and audits, each in a lane of its own; writes replies. A deferral gets a reply, which holds a
label, or says why there is none; or the surrogate's label, where a policy that came since may answer it
(`streams.routing.second_decision`). A message that can't be decoded becomes a dead letter.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Message
from faust import App
from faust.types import StreamT
from mode import Service

from schemas.codec import DEFERRAL, LABEL, REPLY
from schemas.config import TeacherConfig
from schemas.messages import Deferral, Label, Reply
from schemas.topics import Topics
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.kafka.channel import LaneChannel
from streams.kafka.cloud_events import label_headers
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import Headers, copied_headers, headers_of, key_of
from streams.kafka.open_message import OpenMessage
from streams.privacy.forgotten import ForgottenRequests
from streams.routing.ceiling import answer_at_ceiling
from streams.routing.second_decision import Decider, SecondDecision, decide_again, decider_of
from streams.sampling import Sampler
from streams.spending.admission import Budget, Ceiling
from streams.spending.cost import CallCost
from streams.tasks import Tasks
from streams.teacher.client import TeacherClient, error_reply
from streams.teacher.endpoint_circuits import EndpointCircuits
from streams.teacher.give_up import give_up_at
from streams.teacher.outcome import TryLater
from streams.teacher.queue_depth import QueueDepth
from streams.teacher.queues import QuestionQueues, WaitingQuestion
from streams.tracing.contract import NO_TRACING, Tracing

log = logging.getLogger(__name__)

STAGE = "teacher"
WAITING_STAGE = "teacher-waiting"
AUDITS_STAGE = "teacher-audits"

_LOOK = 0.5
_AT_ONCE = 500


@dataclass(eq=False, slots=True, kw_only=True)
class OpenQuestion(WaitingQuestion):
    """A question, and its message.

    Attributes:
        headers: that go with its reply.
    """

    opened: OpenMessage
    headers: Headers | None


@dataclass(frozen=True, slots=True)
class LlmAccess:
    """How the LLM is called.

    Attributes:
        circuits: of its endpoints.
        slots: calls at the same time for a task, in all lanes of a role.
        budget: admits calls, and counts what they cost.
    """

    client: TeacherClient
    circuits: EndpointCircuits
    slots: Callable[[TeacherConfig], int]
    budget: Budget


class TeacherRole(Service):
    """Turns the deferrals of one kind into replies, from one lane or several.

    Args:
        sampler: decides which requests are audited.
        forgotten: requests whose texts nobody is to be sent.
        count_labels: told of the labels that the surrogate has given after all.
        tracing: records the LLM's calls, and what the surrogate answers after all.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        access: LlmAccess,
        sampler: Sampler,
        forgotten: ForgottenRequests,
        count_labels: Callable[[Sequence[Label]], None],
        tracing: Tracing = NO_TRACING,
    ) -> None:
        super().__init__()
        self._tracing = tracing
        self._count_labels = count_labels
        self._client = access.client
        self._forgotten = forgotten
        self._live_tasks = tasks
        self._sampler = sampler
        self._deciders: dict[str, Decider | None] = {}
        self._topics = topics
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)
        self._queues = QuestionQueues[OpenQuestion](
            self._ask,
            access.circuits,
            config=lambda task: tasks.task(task).config.teacher,
            slots=access.slots,
            budget=access.budget,
        )

    def depths(self) -> Mapping[str, QueueDepth]:
        """Questions that wait, by task, as of the last second."""
        return self._queues.depths

    async def on_start(self) -> None:
        self.add_future(self._queues.sweep_forever())
        self.add_future(self._watch_policies())

    def take_in(self, opened: Sequence[OpenMessage]) -> None:
        """Have the messages answered, each when it can be."""
        questions = []
        for one in opened:
            decoded, letters = self._dead_letters.decode_all(DEFERRAL, [one.message])
            is_others = any(deferral.asked_by is not None for deferral, _ in decoded)
            if letters or is_others:
                one.answer([output for _, outputs in letters for output in outputs])
                continue
            questions += [self._question(one, deferral) for deferral, _ in decoded]
        self._decide_again(questions)
        self._queues.add(question for question in questions if question.work.is_waiting)

    async def _ask(self, question: OpenQuestion, config: TeacherConfig, cost: CallCost) -> Reply | TryLater:
        deferral, began = question.deferral, unix_ms()
        request = deferral.request
        if self._forgotten.covers(request.task, request.id, deferral.requested_at):
            return error_reply(deferral, config, "the request is to be forgotten: the teacher is not asked")
        outcome: Reply | TryLater | None = None
        try:
            outcome = await self._client.ask(deferral, config, cost)
        finally:
            came_with = copied_headers(question.opened.message)
            question.headers = self._tracing.teacher_call(came_with, config, began, outcome, cost)
        return outcome

    async def _watch_policies(self) -> None:
        """Decide again what waits, whenever another policy or threshold decides."""
        while not self.should_stop:
            await self.sleep(_LOOK)
            names = self._queues.tasks()
            self._deciders = {name: self._deciders.get(name) for name in names}
            for name in names:
                decider = decider_of(self._live_tasks.task(name))
                if decider != self._deciders[name]:
                    self._deciders[name] = decider
                    await self._decide_waiting(name)

    async def _decide_waiting(self, task: str) -> None:
        waiting = self._queues.waiting(task)
        for start in range(0, len(waiting), _AT_ONCE):
            self._decide_again(waiting[start : start + _AT_ONCE])
            await asyncio.sleep(0)

    def _decide_again(self, questions: Sequence[OpenQuestion]) -> None:
        """Answer what the surrogate may answer by now. In doubt the teacher is asked, as it was to be."""
        by_task: dict[str, list[OpenQuestion]] = {}
        for question in questions:
            by_task.setdefault(question.deferral.request.task, []).append(question)
        for name, asked in by_task.items():
            task, deferrals = self._live_tasks.task(name), [question.deferral for question in asked]
            try:
                decisions = decide_again(task, deferrals, self._sampler, unix_ms())
            except Exception:
                log.exception("deferrals can't be decided again, the teacher is asked: task=%s", name)
                continue
            for question, decision in zip(asked, decisions, strict=True):
                if decision.label is None:
                    question.deferral = decision.deferral or question.deferral
                elif question.work.begin():
                    question.opened.answer(self._decided(question.opened.message, decision))
                    self._count_labels((decision.label,))

    def _question(self, opened: OpenMessage, deferral: Deferral) -> OpenQuestion:
        wishes, message = headers_of(opened.message), opened.message
        question = OpenQuestion(
            opened=opened,
            headers=copied_headers(message),
            work=opened,
            deferral=deferral,
            give_up_at=lambda config: give_up_at(deferral, config, wishes),
            answer=lambda reply: opened.answer([self._reply(message, reply, question.headers)]),
            fail=lambda error: opened.answer([self._dead_letters.failure(message, error)]),
            refuse=lambda asked, ceiling: self._refuse(opened, asked, ceiling),
        )
        return question

    def _refuse(self, opened: OpenMessage, deferral: Deferral, ceiling: Ceiling) -> bool:
        """Answer a request without a call, since a limit of the day is reached; False where it is to wait."""
        task = self._live_tasks.task(deferral.request.task)
        answer = answer_at_ceiling(task, deferral, ceiling.sentence, unix_ms())
        if answer is None or not opened.begin():
            return False
        message, outputs = opened.message, []
        if answer.reply is not None:
            outputs.append(self._reply(message, answer.reply, copied_headers(message)))
        outputs += self._decided(message, SecondDecision(answer.label, answer.later))
        opened.answer(outputs)
        if answer.label is not None:
            self._count_labels((answer.label,))
        return True

    def _reply(self, message: Message, reply: Reply, headers: Headers | None) -> Outgoing:
        return Outgoing(self._topics.replies, key_of(message), REPLY.encode(reply), headers)

    def _decided(self, message: Message, answer: SecondDecision) -> list[Outgoing]:
        """The outputs of what is decided without the LLM."""
        outputs: list[Outgoing] = []
        outcome = answer.label or answer.deferral
        if outcome is None:
            return outputs
        key, headers = key_of(message), self._tracing.step(STAGE, message, unix_ms(), outcome)
        if answer.label is not None:
            said = label_headers(answer.label, self._topics.labels, headers)
            outputs.append(Outgoing(self._topics.labels, key, LABEL.encode(answer.label), said))
        if answer.deferral is not None:
            outputs.append(Outgoing(self._topics.audits, key, DEFERRAL.encode(answer.deferral), headers))
        return outputs


def install(app: App, channel: LaneChannel, role: TeacherRole, stage: str) -> None:
    """Register the agent of one lane."""

    @app.agent(channel, name=stage)
    async def teacher(messages: StreamT[tuple[OpenMessage, ...]]) -> None:
        async for opened in messages:
            role.take_in(opened)
