"""The decisions API over real HTTP: one choice among the labels, with its probability."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.responses import JSONResponse, Response

from schemas.config import LabelExample, TeacherConfig
from schemas.messages import Deferral, Reason, Reply, Request, Usage
from streams.teacher.client import TeacherClient
from streams.teacher.key_variables import KeyVariables
from streams.teacher.outcome import FailureKind, TryLater

DEFERRAL = Deferral(Request("1", "t", "money back!"), Reason.LOW_SCORE, False, True, "text", 1)
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0},
    "output_tokens": 1,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 51,
}


def decided(**answer: Any) -> Response:
    return JSONResponse({"answers": [{"type": "choice", **answer}], "model": "m", "usage": USAGE})


@pytest.fixture
async def asker() -> AsyncIterator[TeacherClient]:
    async with TeacherClient(KeyVariables({}, ("UNSET",))) as teacher:
        yield teacher


@pytest.fixture
async def config(endpoint: Any) -> TeacherConfig:
    return TeacherConfig(
        url=endpoint.url, model="m", api="decisions", key_env="UNSET", labels=("refund", "card", "refund")
    )


async def asked(asker: TeacherClient, config: TeacherConfig) -> Reply:
    reply = await asker.ask(DEFERRAL, config)
    assert isinstance(reply, Reply)
    return reply


async def test_a_choice_comes_with_its_probability(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    probabilities = [{"value": "card", "probability": 0.1}, {"value": "refund", "probability": 0.9}]
    endpoint.answers = [decided(choice="refund", confidence=0.7, probabilities=probabilities)]
    told = replace(
        config,
        prompt="One of:\n{labels}",
        label_descriptions={"refund": "wants money"},
        examples=(LabelExample("pay me", "refund"),),
    )
    reply = await asked(asker, told)
    assert (reply.label, reply.confidence, reply.usage) == ("refund", 0.9, Usage(50, 1, 40))
    [body] = endpoint.bodies
    assert endpoint.paths == ["/v1/decisions"]
    assert (body["model"], body["input"]) == ("m", "money back!")
    [question] = body["questions"]
    assert question == {
        "type": "choice",
        "instructions": "One of:\nrefund\ncard\n\nExamples:\n\npay me\nAnswer: refund",
        "choices": [{"value": "refund", "description": "wants money"}, {"value": "card"}],
    }
    assert "temperature" not in body


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"type": "refusal"}, "declined"),
        ({"type": "score", "score": 1.0}, "'score' where one of the labels was due"),
        ({"choice": True}, "one of the labels was due"),
        ({"choice": "parcel"}, "none of the 2 labels"),
    ],
)
async def test_no_choice_is_an_error_that_stays(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any, answer: dict[str, Any], says: str
) -> None:
    endpoint.answers = [decided(**answer)]
    reply = await asked(asker, config)
    assert reply.label is None
    assert says in (reply.error or "")
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("labels", [(), ("one",), tuple(map(str, range(256)))])
async def test_too_few_or_many_labels_are_told(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any, labels: tuple[str, ...]
) -> None:
    outcome = await asker.ask(DEFERRAL, replace(config, labels=labels, prompt="?"))
    assert isinstance(outcome, TryLater)
    assert outcome.kind is FailureKind.MISCONFIGURED
    assert f"has {len(labels)} labels" in outcome.why
    assert endpoint.bodies == []


async def test_what_passes_is_no_reply_here_either(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    for answer, kind in (
        (endpoint.refused(429, "slow down"), FailureKind.RATE_LIMITED),
        (JSONResponse({"answers": []}), FailureKind.MISCONFIGURED),
        (endpoint.said("refund"), FailureKind.MISCONFIGURED),
    ):
        endpoint.answers = [answer]
        outcome = await asker.ask(DEFERRAL, config)
        assert isinstance(outcome, TryLater)
        assert outcome.kind is kind
    endpoint.answers = [endpoint.refused(400, "unknown prompt_cache_key"), decided(choice="card")]
    reply = await asked(asker, config)
    assert (reply.label, reply.confidence) == ("card", None)
    assert ["prompt_cache_key" in body for body in endpoint.bodies[-2:]] == [True, False]
