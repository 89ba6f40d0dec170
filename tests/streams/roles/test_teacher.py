"""The teacher role: a question becomes a reply, a label of the surrogate, or a dead letter."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from msgspec.structs import replace

from schemas.codec import DEFERRAL, REPLY
from schemas.config import parse_override
from schemas.messages import Deferral, Forgotten, Label, Reason, Reply, Request
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.kafka.open_message import OpenMessage
from streams.privacy.forgotten import ForgottenRequests
from streams.privacy.forgotten import request_digest as digest
from streams.roles.teacher import LlmAccess, TeacherRole
from streams.sampling import Sampler
from streams.spending.cost import CallCost
from streams.tasks import Tasks
from streams.teacher.client import TeacherClient
from streams.teacher.endpoint_circuits import EndpointCircuits
from streams.teacher.key_variables import KeyVariables
from streams.teacher.outcome import TryLater
from tests.streams.fakes import (
    HEADERS,
    TOPICS,
    ScriptedBudget,
    ScriptedPolicy,
    deferrals,
    labels,
    message,
    to,
)

NOW = unix_ms()
SURE, UNSURE = "yes 0.9 0.1", "yes 0.1 0.1"


class Teacher(TeacherClient):
    """Answers `yes` once the gate is open; `asked` are the ids."""

    def __init__(self) -> None:
        super().__init__(KeyVariables({}))
        self.asked: list[str] = []
        self.gate = asyncio.Event()

    async def ask(self, deferral: Deferral, _: object, cost: CallCost | None = None) -> Reply | TryLater:
        assert cost is not None
        self.asked.append(deferral.request.id)
        await self.gate.wait()
        return Reply(deferral, "yes")


class Desk:
    """The role, without its lane."""

    def __init__(self) -> None:
        self.budget, self.answers = ScriptedBudget(), Counter[str]()
        self.tasks, self.teacher, self.forgotten = Tasks(), Teacher(), ForgottenRequests()
        rates = {"target_agreement": 0.9, "reserve": 0.0, "audit_rate": 1.0, "teacher": {"url": "u"}}
        self.tasks.configure("t", parse_override(msgspec.json.encode(rates)))
        self.role = TeacherRole(
            self.tasks,
            TOPICS,
            LlmAccess(self.teacher, EndpointCircuits(), lambda _: 2, self.budget),
            Sampler(b"key"),
            self.forgotten,
            self.count_labels,
        )
        self.outputs: list[Outgoing] = []
        self.answered = asyncio.Event()

    def take_in(self, *values: bytes) -> list[OpenMessage]:
        opened = [OpenMessage(message(value), self._keep) for value in values]
        self.role.take_in(opened)
        return opened

    def count_labels(self, labels: Sequence[Label]) -> None:
        self.answers.update(label.task for label in labels)

    def _keep(self, _: OpenMessage, outputs: Sequence[Outgoing]) -> None:
        self.outputs += outputs
        self.answered.set()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.role.start()
    yield desk
    await desk.role.stop()


def asked(name: str, text: str = SURE) -> bytes:
    request = Request(name, "t", text)
    return DEFERRAL.encode(Deferral(request, Reason.NO_POLICY, False, True, "text", NOW, inclusion=1.0))


async def test_what_somebody_else_asks_is_left_alone(desk: Desk) -> None:
    desk.teacher.gate.set()
    others = replace(DEFERRAL.decode(asked("a")), asked_by="gateway")
    (opened,) = desk.take_in(DEFERRAL.encode(others))
    await desk.settle()
    assert (desk.teacher.asked, desk.outputs, desk.answered.is_set()) == ([], [], True)
    assert not opened.begin(), "it is answered"


async def test_a_reply_goes_with_key_and_headers(desk: Desk) -> None:
    desk.teacher.gate.set()
    desk.take_in(asked("a"))
    await desk.settle()
    (out,) = desk.outputs
    followed = [header for header in HEADERS if header[0] != "tenant"]
    assert (out.topic, out.key, out.headers) == (TOPICS.replies, b"key", followed)
    assert REPLY.decode(out.value).label == "yes"


async def test_what_can_not_be_read_is_a_dead_letter(desk: Desk) -> None:
    desk.take_in(b"{}")
    (out,) = desk.outputs
    assert out.topic == TOPICS.dead_letters


async def test_what_waits_is_answered_once_a_policy_comes(desk: Desk) -> None:
    """Calls under way go on; what is still asked waits in its place."""
    desk.take_in(*(asked(f"w{number}") for number in range(4)), asked("hard", UNSURE))
    await desk.settle()
    assert desk.teacher.asked == ["w0", "w1"]
    desk.tasks.set_policy("t", ScriptedPolicy())
    await asyncio.wait_for(desk.answered.wait(), 30)
    assert [label.id for label in labels(desk.outputs)] == ["w2", "w3"]
    assert [one.request.id for one in deferrals(desk.outputs)] == ["w2", "w3"], "drawn, so checked"
    desk.teacher.gate.set()
    await desk.settle()
    replies = [REPLY.decode(out.value) for out in to(desk.outputs, TOPICS.replies)]
    assert [reply.deferral.request.id for reply in replies] == ["w0", "w1", "hard"]
    assert replies[2].deferral.reason is Reason.LOW_SCORE


async def test_a_policy_that_is_there_answers_at_once(desk: Desk) -> None:
    desk.tasks.set_policy("t", ScriptedPolicy())
    desk.take_in(asked("a"), asked("b", UNSURE))
    await desk.settle()
    assert [label.id for label in labels(desk.outputs)] == ["a"]
    assert desk.teacher.asked == ["b"]


async def test_a_policy_that_fails_leaves_it_to_the_teacher(desk: Desk) -> None:
    desk.tasks.set_policy("t", ScriptedPolicy())
    desk.take_in(asked("a", "fail"), asked("b", "not three words of it"))
    await desk.settle()
    assert desk.outputs == []
    assert desk.teacher.asked == ["a", "b"]


async def test_a_forgotten_text_is_sent_to_nobody(desk: Desk) -> None:
    desk.forgotten.add(Forgotten("t", NOW, digest("t", "a")))
    desk.take_in(asked("a"))
    await desk.settle()
    (out,) = desk.outputs
    assert "is to be forgotten" in (REPLY.decode(out.value).error or "")
    assert desk.teacher.asked == []
