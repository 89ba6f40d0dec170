"""teacher: ask the LLM about each deferral.

Reads deferrals and audits, each in a lane of its own; writes replies. Every deferral gets a reply, which
holds a label, or says why there is none. A message that can't be decoded becomes a dead letter.
"""

from collections.abc import Callable, Sequence

from faust import App
from faust.types import StreamT
from mode import Service

from schemas.codec import DEFERRAL, REPLY
from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reply
from schemas.topics import Topics
from streams.kafka.batch import Outgoing
from streams.kafka.channel import LaneChannel
from streams.kafka.dead_letters import DeadLetters
from streams.kafka.message import copied_headers, headers_of, key_of
from streams.kafka.open_message import OpenMessage
from streams.tasks import Tasks
from streams.teacher.client import TeacherClient
from streams.teacher.endpoint_circuits import EndpointCircuits
from streams.teacher.give_up import give_up_at
from streams.teacher.queues import Question, QuestionQueues

STAGE = "teacher"
AUDITS_STAGE = "teacher-audits"


class TeacherRole(Service):
    """Turns the deferrals of one lane into replies.

    Args:
        slots: calls at the same time for a task, in this lane.
    """

    def __init__(
        self,
        tasks: Tasks,
        topics: Topics,
        client: TeacherClient,
        circuits: EndpointCircuits,
        slots: Callable[[TeacherConfig], int],
    ) -> None:
        super().__init__()
        self._topics = topics
        self._dead_letters = DeadLetters(topics.dead_letters, STAGE)
        self._queues = QuestionQueues(
            client,
            circuits,
            config=lambda task: tasks.task(task).config.teacher,
            slots=slots,
            answer=self._answer,
            fail=self._fail,
        )

    async def on_start(self) -> None:
        self.add_future(self._queues.sweep_forever())

    def take_in(self, opened: Sequence[OpenMessage]) -> None:
        """Have the messages answered, each when it can be."""
        questions = []
        for one in opened:
            decoded, letters = self._dead_letters.decode_all(DEFERRAL, [one.message])
            if letters:
                one.answer(letters)
            questions += [_question(one, deferral) for deferral, _ in decoded]
        self._queues.add(questions)

    def _answer(self, question: Question, reply: Reply) -> None:
        message = question.opened.message
        value = REPLY.encode(reply)
        outgoing = Outgoing(self._topics.replies, key_of(message), value, copied_headers(message))
        question.opened.answer([outgoing])

    def _fail(self, question: Question, error: Exception) -> None:
        question.opened.answer([self._dead_letters.failure(question.opened.message, error)])


def _question(opened: OpenMessage, deferral: Deferral) -> Question:
    """No client waits for an audit or a second question: its wish does not count there."""
    waits = not deferral.audit and deferral.first is None
    wishes = headers_of(opened.message) if waits else []
    return Question(opened, deferral, lambda config: give_up_at(deferral.requested_at, config, wishes))


def install(app: App, channel: LaneChannel, role: TeacherRole, stage: str) -> None:
    """Register the agent of one lane."""

    @app.agent(channel, name=stage)
    async def teacher(messages: StreamT[tuple[OpenMessage, ...]]) -> None:
        async for opened in messages:
            role.take_in(opened)
