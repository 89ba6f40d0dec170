"""Calls of the APIs for decisions are answered, recorded or forwarded as chat completions are."""

import json
from typing import Any

import httpx2
import openai
import pytest

from schemas.messages import Reason, Usage
from tests.streams.gateway.harness import UNSURE, YES, RunningGateway, until
from tests.streams.gateway.test_chat import chatting

CHOICES: Any = [{"value": "yes", "description": "it is"}, {"value": "no"}, {"value": "perhaps"}]
QUESTION: Any = {"type": "choice", "name": "q", "instructions": "Is it?", "choices": CHOICES}
CRITERIA = {"yes": "it is", "no": None, "perhaps": None}


def deciding(text: Any = YES, **given: Any) -> dict[str, Any]:
    return {"model": "understudy/t", "input": text, "questions": [QUESTION | given]}


async def systemone(gateway: RunningGateway, state: Any = YES, **question: Any) -> httpx2.Response:
    asked = {"type": "choice", "instructions": "Is it?", "criteria": CRITERIA} | question
    body = {"model": "understudy/t", "state": state, "questions": {"kind": asked}}
    return await gateway.http.post("/v1/systemone", json=body)


def decided(choice: str) -> bytes:
    probabilities = [{"value": "no", "probability": 0.8}, {"value": "yes", "probability": 0.2}]
    answer = {"type": "choice", "choice": choice, "confidence": 0.6, "probabilities": probabilities}
    usage = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}
    return json.dumps({"answers": [answer], "model": "luna", "usage": usage}).encode()


async def test_the_surrogate_decides() -> None:
    async with chatting() as (gateway, llm, app):
        decision: Any = await app.decisions.create(**deciding())
        one = (await systemone(gateway)).json()
        assert llm.asked == []
        labels = [label.label for label in gateway.broker.labels]
    (answer,) = decision.answers
    assert (answer.type, answer.name, answer.choice) == ("choice", "q", "yes")
    assert decision.usage.total_tokens == one["usage"]["total_tokens"] == 0
    assert (decision.model, one["model"], labels) == ("understudy/t", "understudy/t", ["yes", "yes"])
    shares = {share.value: share.probability for share in answer.probabilities}
    assert shares == pytest.approx({"yes": 0.9, "no": 0.05, "perhaps": 0.05})
    assert one["answers"]["kind"]["probabilities"] == pytest.approx(shares)
    assert (one["answers"]["kind"]["choice"], answer.confidence) == ("yes", pytest.approx(0.9))


@pytest.mark.parametrize("mode", ["record", "shadow", "serve"])
async def test_what_it_may_not_decide_is_asked_and_recorded(mode: str) -> None:
    async with chatting(mode) as (gateway, llm, app):
        llm.chunks = [decided("no")]
        decision = await app.decisions.create(**deciding(UNSURE))
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
    assert (decision.model, llm.asked[0].path) == ("luna", "/v1/decisions")
    assert (reply.label, reply.confidence, reply.usage) == ("no", 0.8, Usage(9, 1, 0))
    assert reply.deferral.reason is (Reason.LOW_SCORE if mode == "serve" else Reason.OPERATOR)


async def test_a_systemone_reply_is_recorded() -> None:
    async with chatting("record") as (gateway, llm, _):
        answer = {"type": "choice", "choice": "no", "probabilities": {"no": 0.7, "yes": 0.3}}
        llm.chunks = [json.dumps({"model": "m", "answers": {"kind": answer}}).encode()]
        direct = (await systemone(gateway)).content
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
    assert (direct, llm.asked[0].path) == (llm.chunks[0], "/v1/systemone")
    assert (reply.label, reply.confidence) == ("no", 0.7)


@pytest.mark.parametrize(
    "reply", [decided("maybe"), b"{}", decided("perhaps"), b'{"answers": [{"type": "refusal"}]}']
)
async def test_a_reply_without_a_label_is_counted(reply: bytes) -> None:
    async with chatting("record") as (gateway, llm, _):
        llm.chunks = [reply]
        await gateway.http.post("/v1/decisions", json=deciding())
        await until(lambda: gateway.recorder.unread["t"] == 1)
        assert gateway.broker.produced == []


_ASSISTANT = {"role": "assistant", "content": "b"}
_IMAGE = {"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}


@pytest.mark.parametrize(
    "call",
    [
        deciding() | {"questions": [QUESTION, QUESTION]},
        deciding(type="score"),
        deciding(surprise=1),
        deciding(choices=CHOICES[:1]),
        deciding(choices=[{"value": True}, {"value": "yes"}, {"value": "no"}]),
        deciding(choices=[{"value": "yes"}, {"value": "other"}]),
        deciding(choices="yes"),
        deciding([{"role": "user", "content": "a"}, _ASSISTANT]),
        deciding([_IMAGE]),
        deciding([{"type": "function_call", "name": "f"}]),
        deciding(5),
        deciding() | {"surprise": 1},
        deciding() | {"questions": "x"},
    ],
)
async def test_all_else_is_forwarded(call: dict[str, Any]) -> None:
    async with chatting() as (gateway, llm, _):
        llm.chunks = [b'{"answers": [], "odd":  1}']
        answer = await gateway.http.post("/v1/decisions", json=call)
        assert gateway.broker.produced == []
    assert (answer.content, answer.headers["x-understudy-reason"]) == (llm.chunks[0], "no_question")


async def test_messages_are_read_as_those_of_a_chat() -> None:
    parts = [{"type": "input_text", "text": YES}]
    messages = [
        {"type": "message", "role": "developer", "content": "be quick"},
        {"type": "message", "role": "user", "content": parts},
    ]
    async with chatting() as (_, llm, app):
        decision: Any = await app.decisions.create(**deciding(messages))
        assert llm.asked == []
    assert decision.answers[0].choice == "yes"


async def test_other_descriptions_are_another_prompt() -> None:
    debug = {"x-understudy-debug": "1"}

    async def prompt(app: openai.AsyncOpenAI, **given: Any) -> str:
        raw = await app.decisions.with_raw_response.create(**deciding(**given), extra_headers=debug)
        return raw.headers["x-understudy-prompt"]

    async with chatting() as (_, _llm, app):
        first = await prompt(app)
        assert await prompt(app) == first
        assert await prompt(app, choices=[{"value": "yes"}, *CHOICES[1:]]) != first
        assert await prompt(app, instructions="Was it?") != first


async def test_a_decision_without_a_task_is_proposed_with_its_labels() -> None:
    async with chatting() as (gateway, llm, app):
        llm.chunks = [decided("no")]
        gateway.tasks.configure("*", {"teacher": {"url": llm.url}})
        await app.decisions.create(**deciding() | {"model": "luna"})
        await gateway.learned.flush()
        (proposal,) = gateway.proposed.counts
    assert (proposal.form, proposal.labels) == ("decision", ("yes", "no", "perhaps"))
