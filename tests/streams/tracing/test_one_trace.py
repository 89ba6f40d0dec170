"""Spans of all roles that a request passes are one trace, and hold no text."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message

from schemas.config import parse_override
from schemas.messages import Deferral, Reply, Request, Usage
from streams.clock import unix_ms
from streams.kafka.batch import Outgoing
from streams.kafka.message import Headers
from streams.kafka.open_message import OpenMessage
from streams.privacy.forgotten import ForgottenRequests
from streams.roles.learn import ReplyRecorder
from streams.roles.route import RouteRole
from streams.roles.teacher import LlmAccess, TeacherRole
from streams.sampling import Sampler
from streams.spending.cost import CallCost
from streams.tasks import Tasks
from streams.teacher.client import TeacherClient
from streams.teacher.endpoint_circuits import EndpointCircuits
from streams.teacher.key_variables import KeyVariables
from streams.teacher.outcome import FailureKind, TryLater
from tests.streams.fakes import TOPICS, RememberedReplies, ScriptedBudget, ScriptedPolicy, flat, message, to
from tests.streams.tracing.spans import CLIENT, TRACE, TRACEPARENT, KeptSpans, ids, sampling

SURE, UNSURE = "yes 0.9 0.1", "yes 0.1 0.1"
SAMPLED: Headers = [("traceparent", TRACEPARENT.encode()), ("ce_id", b"e1")]
CONFIG = {
    "audit_rate": 0.0,
    "repeat_rate": 0.0,
    "teacher": {"url": "http://u:secret@llm.test/v1", "model": "m"},
}


class Llm(TeacherClient):
    """Is away at first, then answers."""

    def __init__(self) -> None:
        super().__init__(KeyVariables({}))
        self.outcomes: list[TryLater | str] = [TryLater("away", FailureKind.RATE_LIMITED), "yes"]

    async def ask(self, deferral: Deferral, _: object, cost: CallCost | None = None) -> Reply | TryLater:
        assert cost is not None
        cost.begin_call()
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, TryLater):
            return outcome
        cost.add(Usage(7, 2))
        return Reply(deferral, outcome)


class Roles:
    """Route, teacher and learn, whose topics are this test."""

    def __init__(self, spans: KeptSpans) -> None:
        self.tasks, self._writer, sampler = Tasks(), spans.writer, Sampler(b"key")
        self.tasks.configure("t", parse_override(msgspec.json.encode(CONFIG)))
        self.tasks.set_policy("t", ScriptedPolicy())
        self.route = RouteRole(self.tasks, TOPICS, sampler, tracing=self._writer)
        access = LlmAccess(Llm(), EndpointCircuits(), lambda _: 1, ScriptedBudget())
        self.teacher = TeacherRole(
            self.tasks, TOPICS, access, sampler, ForgottenRequests(), lambda _: None, self._writer
        )
        self.learn = ReplyRecorder(self.tasks, TOPICS, sampler, RememberedReplies(), tracing=self._writer)

    async def routed(self, text: str, headers: Headers | None) -> Outgoing:
        sent = message(Request("r", "t", text), headers=headers, timestamp=(1, unix_ms()))
        (out,) = flat(await self.route.route_batch([sent], unix_ms()))
        return out

    async def taught(self, deferral: Outgoing) -> Outgoing:
        answered: asyncio.Future[Sequence[Outgoing]] = asyncio.get_running_loop().create_future()
        opened = OpenMessage(_delivered(deferral), lambda _, outputs: answered.set_result(outputs))
        async with self.teacher:
            self.teacher.take_in([opened])
            (reply,) = await asyncio.wait_for(answered, 30)
        return reply

    async def learned(self, reply: Outgoing) -> list[Outgoing]:
        return flat(await self.learn.record_batch([_delivered(reply)], unix_ms()))


def _delivered(out: Outgoing) -> Message:
    return message(out.value, topic=out.topic, headers=out.headers)


def parent_in(out: Outgoing) -> str:
    (found,) = [value for name, value in out.headers or () if name == "traceparent"]
    assert isinstance(found, bytes)
    return found.decode()


def is_sampled(out: Outgoing) -> bool:
    return bool(int(parent_in(out)[-2:], 16) & 1)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.teacher.queues.pause", lambda *_: 0.0)


async def test_a_deferred_request_is_one_trace_up_to_its_label() -> None:
    spans = KeptSpans()
    roles = Roles(spans)
    outputs = await roles.learned(await roles.taught(await roles.routed(UNSURE, SAMPLED)))
    route, failed, call, learn = spans.all
    assert [span.name for span in spans.all] == ["route", "chat m", "chat m", "learn"]
    assert ids(route)[::2] == (TRACE, CLIENT)
    assert ids(failed)[::2] == ids(call)[::2] == (TRACE, ids(route)[1]), (
        "both attempts are about the deferral"
    )
    assert ids(learn)[::2] == (TRACE, ids(call)[1])
    (label,) = to(outputs, TOPICS.labels)
    (trace,) = to(outputs, TOPICS.traces)
    assert parent_in(label) == parent_in(trace) == f"00-{TRACE}-{ids(learn)[1]}-01"
    assert ("ce_id", b"e1") in (label.headers or ())


async def test_spans_say_what_was_decided_and_asked() -> None:
    spans = KeptSpans()
    roles = Roles(spans)
    await roles.learned(await roles.taught(await roles.routed(UNSURE, SAMPLED)))
    route, failed, call, learn = (dict(span.attributes) for span in spans.all)
    assert {
        "messaging.destination.name": "x.in",
        "understudy.outcome": "deferral",
        "understudy.task": "t",
        "understudy.request.id": "r",
        "understudy.reason": "low_score",
        "understudy.policy": "v1",
    }.items() <= route.items()
    asked = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "server.address": "llm.test",
        "server.port": 80,
        "understudy.teacher.calls": 1,
    }
    assert failed == asked | {"error.type": "rate_limited"}
    assert call == asked | {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 2}
    assert {"understudy.outcome": "label", "understudy.source": "teacher"}.items() <= learn.items()
    assert [span.status.is_ok for span in spans.all] == [True, False, True, True]
    said = str([span.to_json() for span in spans.all])
    assert UNSURE not in said
    assert "secret" not in said


async def test_an_answer_is_one_span() -> None:
    spans = KeptSpans()
    out = await Roles(spans).routed(SURE, SAMPLED)
    (route,) = spans.all
    assert (out.topic, parent_in(out)) == (TOPICS.labels, f"00-{TRACE}-{ids(route)[1]}-01")
    assert route.attributes["understudy.source"] == "surrogate"


@pytest.mark.parametrize("headers", [None, [("traceparent", b"00-1-2-01"), ("tracestate", b"a=\xff")]])
async def test_without_a_context_a_trace_begins(headers: Headers | None) -> None:
    spans = KeptSpans()
    out = await Roles(spans).routed(SURE, headers)
    trace, span, parent = ids(spans.named("route"))
    assert parent is None
    assert parent_in(out).startswith(f"00-{trace}-{span}-")
    assert is_sampled(out)
    assert [name for name, _ in out.headers or ()] == ["traceparent"]


async def test_what_is_not_sampled_stays_so_in_all_roles() -> None:
    nothing = KeptSpans(sampling.ParentBased(sampling.ALWAYS_OFF))
    deferral = await Roles(nothing).routed(UNSURE, None)
    assert not is_sampled(deferral)
    others = KeptSpans(sampling.ParentBased(sampling.ALWAYS_ON))
    roles = Roles(others)
    await roles.learned(await roles.taught(deferral))
    assert (nothing.all, others.all) == ((), ())


async def test_a_defect_of_the_library_costs_the_span_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def start_span(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("no")

    spans = KeptSpans()
    spans.writer._tracer = Broken()
    roles = Roles(spans)
    outputs = await roles.learned(await roles.taught(await roles.routed(UNSURE, SAMPLED)))
    assert [parent_in(out) for out in outputs] == [TRACEPARENT] * 2
    assert len(caplog.records) == 1, "it is logged once"
