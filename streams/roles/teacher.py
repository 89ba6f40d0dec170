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
            questions += [self._question(one, deferral) for deferral, _ in decoded]
        self._queues.add(questions)

    def _question(self, opened: OpenMessage, deferral: Deferral) -> Question:
        message = opened.message
        wishes = headers_of(message)

        def answer(reply: Reply) -> None:
            value = REPLY.encode(reply)
            opened.answer([Outgoing(self._topics.replies, key_of(message), value, copied_headers(message))])

        return Question(
            opened,
            deferral,
            give_up_at=lambda config: give_up_at(deferral, config, wishes),
            answer=answer,
            fail=lambda error: opened.answer([self._dead_letters.failure(message, error)]),
        )


def install(app: App, channel: LaneChannel, role: TeacherRole, stage: str) -> None:
    """Register the agent of one lane."""

    @app.agent(channel, name=stage)
    async def teacher(messages: StreamT[tuple[OpenMessage, ...]]) -> None:
        async for opened in messages:
            role.take_in(opened)
