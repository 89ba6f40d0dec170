"""No task waits for another's endpoint; what passes is asked again; what is given up is an error."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reason, Reply, Request
from streams.kafka.open_message import OpenMessage
from streams.spending.admission import Ceiling
from streams.spending.cost import CallCost, CallKind
from streams.teacher.client import TeacherClient, error_reply
from streams.teacher.endpoint_circuits import EndpointCircuits, EndpointIdentity
from streams.teacher.key_variables import KeyVariables
from streams.teacher.outcome import FailureKind, TryLater
from streams.teacher.queue_depth import QueueDepth
from streams.teacher.queues import QuestionQueues, WaitingQuestion
from tests.streams.fakes import ScriptedBudget, message

SLOTS = 3
AWAY = TryLater("nobody there", FailureKind.UNREACHABLE)
WRONG = TryLater("`teacher.url` is not set", FailureKind.MISCONFIGURED)
NEVER = 10**15


class CountingEndpoint(TeacherClient):
    """Answers by the text, once the test lets it; `begun` are the ids of calls in their order."""

    def __init__(self) -> None:
        super().__init__(KeyVariables({}))
        self.begun: list[str] = []
        self.gate = asyncio.Event()
        self.hanging = asyncio.Event()
        self.failure: TryLater | None = None

    async def ask(
        self, deferral: Deferral, config: TeacherConfig, cost: CallCost | None = None
    ) -> Reply | TryLater:
        self.begun.append(deferral.request.id)
        if cost is not None:
            cost.begin_call()
        await (self.hanging if deferral.request.task == "hangs" else self.gate).wait()
        if deferral.request.text == "bug":
            raise RuntimeError("ours")
        if deferral.request.text == "too long":
            return error_reply(deferral, config, "too long")
        if self.failure is not None and config.url != "well":
            return self.failure
        return Reply(deferral, "label")


class Desk:
    """Queues whose clock the test turns, and what they answered."""

    def __init__(self) -> None:
        self.now = 0.0
        self.endpoint = CountingEndpoint()
        self.configs: dict[str, TeacherConfig] = {}
        self.replies: list[Reply] = []
        self.failed: list[str] = []
        self.refused: list[str] = []
        self.budget = ScriptedBudget()
        self.circuits = EndpointCircuits(lambda: self.now, lambda: 0.0)
        self.queues = QuestionQueues[WaitingQuestion](
            lambda question, config, cost: self.endpoint.ask(question.deferral, config, cost),
            self.circuits,
            config=lambda task: self.configs.get(task, TeacherConfig(url="u", model="m")),
            slots=lambda _: SLOTS,
            budget=self.budget,
        )

    def ask(self, task: str, *ids: str, text: str = "t", give_up_at: int = NEVER) -> list[OpenMessage]:
        opened = [OpenMessage(message(b""), lambda *_: None) for _ in ids]
        self.queues.add(
            WaitingQuestion(
                work=work,
                deferral=Deferral(Request(name, task, text), Reason.NO_POLICY, False, True, "text", 1),
                give_up_at=lambda _: give_up_at,
                answer=partial(self._answer, work),
                fail=partial(self._fail, name),
                refuse=partial(self._refuse, work),
            )
            for name, work in zip(ids, opened, strict=True)
        )
        return opened

    def _refuse(self, work: OpenMessage, deferral: Deferral, _: Ceiling) -> bool:
        self.refused.append(deferral.request.id)
        return work.begin()

    def _fail(self, name: str, _: Exception) -> None:
        self.failed.append(name)

    def _answer(self, work: OpenMessage, reply: Reply) -> None:
        work.answer([])
        self.replies.append(reply)

    @property
    def answered(self) -> list[str]:
        return [reply.deferral.request.id for reply in self.replies]

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("streams.teacher.queues.pause", lambda *_: 0.0)
    return Desk()


def names(prefix: str, count: int) -> Sequence[str]:
    return [f"{prefix}{number}" for number in range(count)]


async def test_a_hanging_task_delays_no_other(desk: Desk) -> None:
    desk.ask("hangs", *names("h", 10))
    desk.ask("well", *names("w", 10))
    desk.endpoint.gate.set()
    await desk.settle()
    assert sorted(desk.answered) == sorted(names("w", 10))
    assert len([name for name in desk.endpoint.begun if name.startswith("h")]) == SLOTS


async def test_slots_limit_the_calls_of_a_task(desk: Desk) -> None:
    desk.ask("t", *names("a", 10))
    await desk.settle()
    assert desk.endpoint.begun == names("a", SLOTS)
    desk.endpoint.gate.set()
    await desk.settle()
    assert desk.answered == names("a", 10)
    assert desk.queues.held("t") == 0


async def test_depths_are_those_of_the_last_sweep(desk: Desk) -> None:
    desk.ask("t", *names("a", 10))
    desk.ask("u", "alone")
    await desk.settle()
    assert desk.queues.depths == {}
    desk.queues.sweep()
    assert desk.queues.depths == {"t": QueueDepth(10 - SLOTS, 1)}
    assert desk.circuits.endpoints() == {EndpointIdentity("u", "m", "OPENAI_API_KEY"): False}
    desk.endpoint.gate.set()
    await desk.settle()
    desk.queues.sweep()
    assert desk.queues.depths == {}


async def test_an_open_circuit_lets_one_probe_through(desk: Desk) -> None:
    desk.endpoint.gate.set()
    desk.endpoint.failure = AWAY
    desk.ask("t", *names("a", 20))
    await desk.settle()
    begun = len(desk.endpoint.begun)
    assert begun < 10, "the circuit opened"
    assert list(desk.circuits.endpoints().values()) == [True]
    desk.queues.sweep()
    await desk.settle()
    assert len(desk.endpoint.begun) == begun
    desk.now += 1_000.0
    desk.endpoint.gate.clear()
    desk.queues.sweep()
    await desk.settle()
    assert len(desk.endpoint.begun) == begun + 1, "a probe"
    desk.endpoint.failure = None
    desk.endpoint.gate.set()
    await desk.settle()
    assert sorted(desk.answered) == sorted(names("a", 20)), "nothing became an error"


async def test_a_probe_s_success_wakes_other_tasks(desk: Desk) -> None:
    desk.endpoint.gate.set()
    desk.endpoint.failure = AWAY
    desk.ask("t", *names("a", 10))
    await desk.settle()
    desk.ask("other", "b")
    await desk.settle()
    assert "b" not in desk.endpoint.begun
    desk.now += 1_000.0
    desk.endpoint.failure = None
    desk.queues.sweep()
    await desk.settle()
    assert "b" in desk.answered


async def test_a_text_that_is_not_sent_closes_nothing(desk: Desk) -> None:
    desk.endpoint.gate.set()
    desk.endpoint.failure = AWAY
    desk.ask("t", *names("a", 20))
    await desk.settle()
    begun = len(desk.endpoint.begun)
    desk.now += 1_000.0
    desk.ask("other", "b", text="too long")
    await desk.settle()
    assert desk.answered == ["b"]
    assert len(desk.endpoint.begun) == begun + 2, "one more probe, which fails"


async def test_wrong_settings_of_a_task_stop_only_it(desk: Desk) -> None:
    desk.endpoint.gate.set()
    desk.endpoint.failure = WRONG
    desk.configs["well"] = TeacherConfig(url="well", model="m")
    desk.ask("t", *names("a", 50))
    await desk.settle()
    assert len(desk.endpoint.begun) < 10
    desk.ask("well", "b")
    desk.configs["same"] = TeacherConfig(url="u", model="m")
    desk.ask("same", "c")
    await desk.settle()
    assert "b" in desk.answered
    assert "c" in desk.endpoint.begun, "its endpoint is well"


async def test_given_up_questions_are_errors(desk: Desk) -> None:
    desk.endpoint.gate.set()
    desk.endpoint.failure = AWAY
    desk.ask("t", *names("a", 10))
    await desk.settle()
    desk.ask("t", "late", give_up_at=1)
    desk.queues.sweep()
    (reply,) = desk.replies
    assert reply.deferral.request.id == "late"
    assert reply.error == "nobody there (given up after 0 attempts)"


async def test_withdrawn_questions_are_not_asked(desk: Desk) -> None:
    opened = desk.ask("t", *names("a", SLOTS + 2))
    await desk.settle()
    assert [one.withdraw() for one in opened] == [True] * SLOTS + [False] * 2
    desk.endpoint.gate.set()
    await desk.settle()
    assert desk.endpoint.begun == desk.answered == names("a", SLOTS)


async def test_a_fault_of_ours_takes_one_message(desk: Desk) -> None:
    desk.endpoint.gate.set()
    desk.ask("t", "bad", text="bug")
    desk.ask("t", "good")
    await desk.settle()
    assert (desk.failed, desk.answered) == (["bad"], ["good"])


async def test_held_questions_are_let_go_when_withdrawn(desk: Desk) -> None:
    (first, *others) = desk.ask("hangs", *names("a", SLOTS + 5))
    await desk.settle()
    assert desk.queues.held("hangs") == SLOTS + 5
    for one in others:
        one.withdraw()
    desk.queues.sweep()
    assert desk.queues.held("hangs") == SLOTS
    assert first.is_in_work


async def test_tasks_without_questions_are_forgotten(desk: Desk) -> None:
    """Clients may name any task."""
    desk.endpoint.gate.set()
    desk.endpoint.failure = WRONG
    for number in range(20):
        desk.ask(f"made-up-{number}", "a", give_up_at=1)
        desk.ask(f"wrong-{number}", "b")
    await desk.settle()
    desk.endpoint.failure = None
    desk.now += 1_000.0
    desk.queues.sweep()
    await desk.settle()
    desk.queues.sweep()
    assert desk.queues.tasks() == []
    assert desk.circuits.tasks() == set()


async def test_calls_beyond_the_budget_wait(desk: Desk) -> None:
    desk.budget.left = 2
    desk.endpoint.gate.set()
    desk.ask("t", *names("a", 5))
    await desk.settle()
    assert desk.answered == names("a", 2)
    assert len(desk.budget.ended) == 2
    assert desk.budget.recorded == [("t", CallKind.REQUESTS, 1)] * 2
    desk.budget.left = 9
    desk.queues.sweep()
    await desk.settle()
    assert desk.answered == names("a", 5)


async def test_a_permit_without_a_question_is_given_back(desk: Desk) -> None:
    desk.budget.left = 9
    (work,) = desk.ask("t", "a")
    work.withdraw()
    await desk.settle()
    assert desk.endpoint.begun == []
    assert desk.budget.ended == ["t:9"]


async def test_a_half_open_circuit_takes_one_permit(desk: Desk) -> None:
    desk.budget.left = 99
    desk.endpoint.gate.set()
    desk.endpoint.failure = AWAY
    desk.ask("t", *names("a", 20))
    await desk.settle()
    left, begun = desk.budget.left, len(desk.endpoint.begun)
    desk.now += 1_000.0
    desk.queues.sweep()
    await desk.settle()
    assert (left - desk.budget.left, len(desk.endpoint.begun) - begun) == (1, 1)


@pytest.mark.parametrize(("choice", "refused"), [("wait", 0), ("error", 3), ("answer", 3)])
async def test_at_a_day_s_limit_a_question_may_be_refused(desk: Desk, choice: str, refused: int) -> None:
    desk.configs["t"] = TeacherConfig(url="u", model="m", at_ceiling=choice)  # type: ignore[arg-type]
    desk.budget.left = 2
    desk.endpoint.gate.set()
    desk.ask("t", *names("a", 5))
    await desk.settle()
    assert desk.answered == names("a", 2)
    assert len(desk.refused) == refused
    assert len(desk.queues.waiting("t")) == 3 - refused


async def test_what_is_given_up_names_the_limit(desk: Desk) -> None:
    desk.budget.left = 0
    desk.ask("t", "a", give_up_at=1)
    desk.queues.sweep()
    await desk.settle()
    desk.ask("t", "b")
    await desk.settle()
    desk.ask("t", "c", give_up_at=1)
    desk.queues.sweep()
    assert desk.replies[-1].error is not None
    assert "`teacher.limits.calls_per_day` of 2 is reached" in desk.replies[-1].error
