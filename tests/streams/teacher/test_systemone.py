"""The System One API over real HTTP: labels are criteria, and the choice comes with its probability."""

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


def chosen(**answer: Any) -> Response:
    usage = {"input_tokens": 174, "output_tokens": 1}
    return JSONResponse({"model": "m", "answers": {"label": {"type": "choice", **answer}}, "usage": usage})


@pytest.fixture
async def asker() -> AsyncIterator[TeacherClient]:
    async with TeacherClient(KeyVariables({}, ("UNSET",))) as teacher:
        yield teacher


@pytest.fixture
async def config(endpoint: Any) -> TeacherConfig:
    return TeacherConfig(
        url=endpoint.url, model="m", api="systemone", key_env="UNSET", labels=("refund", "card", "refund")
    )


async def test_a_choice_comes_with_its_probability(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    probabilities = {"card": 0.1, "refund": 0.9}
    endpoint.answers = [chosen(choice="refund", confidence=0.7, probabilities=probabilities)]
    told = replace(
        config,
        prompt="One of:\n{labels}",
        label_descriptions={"refund": "wants money"},
        examples=(LabelExample("pay me", "refund"),),
    )
    reply = await asker.ask(DEFERRAL, told)
    assert isinstance(reply, Reply)
    assert (reply.label, reply.confidence, reply.usage) == ("refund", 0.9, Usage(174, 1))
    assert endpoint.paths == ["/v1/systemone"]
    assert endpoint.bodies == [
        {
            "model": "m",
            "state": "money back!",
            "questions": {
                "label": {
                    "type": "choice",
                    "instructions": "One of:\nrefund\ncard\n\nExamples:\n\npay me\nAnswer: refund",
                    "criteria": {"refund": "wants money", "card": "card"},
                }
            },
        }
    ]


async def test_without_probabilities_its_confidence_counts(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [chosen(choice="card", confidence=1.0000001), chosen(choice="card")]
    replies = [await asker.ask(DEFERRAL, config) for _ in range(2)]
    assert [isinstance(reply, Reply) and reply.confidence for reply in replies] == [1.0, None]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"type": "refusal"}, "declined"),
        ({"type": "score"}, "'score' where one of the labels was due"),
        ({"choice": "parcel"}, "none of the 2 labels"),
    ],
)
async def test_no_choice_is_an_error_that_stays(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any, answer: dict[str, Any], says: str
) -> None:
    endpoint.answers = [chosen(**answer)]
    reply = await asker.ask(DEFERRAL, config)
    assert isinstance(reply, Reply)
    assert reply.label is None
    assert says in (reply.error or "")
    assert len(endpoint.bodies) == 1


async def test_a_reply_of_another_api_is_a_wrong_setting(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [JSONResponse({"choices": []})]
    outcome = await asker.ask(DEFERRAL, config)
    assert isinstance(outcome, TryLater)
    assert outcome.kind is FailureKind.MISCONFIGURED


async def test_one_label_is_no_choice(asker: TeacherClient, config: TeacherConfig, endpoint: Any) -> None:
    outcome = await asker.ask(DEFERRAL, replace(config, labels=("refund",)))
    assert isinstance(outcome, TryLater)
    assert "`teacher.api=systemone` takes 2 to 255" in outcome.why
    assert endpoint.bodies == []
