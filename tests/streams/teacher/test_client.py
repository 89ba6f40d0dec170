"""The teacher over real HTTP on loopback: one attempt, and what its end means for the request."""

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any, TypeGuard

import msgspec
import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from schemas.codec import REPLY
from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reason, Reply, Request, Usage
from streams.teacher.client import TeacherClient, called_nobody, error_reply
from streams.teacher.key_variables import KeyVariables
from streams.teacher.outcome import FailureKind, TryLater
from streams.teacher.prompt import answer_format
from streams.teacher.prompt_hash import prompt_hash

ENVIRON = {"TEACHER_KEY": " sk-secret\n", "DATABASE_PASSWORD": "hunter2"}
NAMES = ("TEACHER_KEY", "ODD", "UNSET")

NO_COMPLETIONS = [
    HTMLResponse("<html>Welcome</html>"),
    JSONResponse({"choices": []}),
    JSONResponse({"choices": None}),
    Response(b"\xff{", media_type="application/json"),
    Response(b'{"a":' + b"[" * 50_000),
]


@pytest.fixture
async def asker() -> AsyncIterator[TeacherClient]:
    async with TeacherClient(KeyVariables(ENVIRON, NAMES)) as teacher:
        yield teacher


@pytest.fixture
async def config(endpoint: Any) -> TeacherConfig:
    return TeacherConfig(
        url=endpoint.url, model="m", key_env="TEACHER_KEY", labels=("refund", "card_arrival")
    )


def deferral(text: str | None = "where is my parcel?", task: str = "support") -> Deferral:
    request = Request(id="1", task=task, text=text, embedding=None if text is not None else [1.0])
    return Deferral(request, Reason.NO_POLICY, audit=False, sampled=True, embedder="text", requested_at=1)


async def replied(asker: TeacherClient, config: TeacherConfig, text: str = "money back!") -> Reply:
    """The reply to a deferral, which has to be one."""
    outcome = await asker.ask(deferral(text), config)
    assert isinstance(outcome, Reply)
    return outcome


def failed(reply: Reply | TryLater, *parts: str) -> TypeGuard[Reply]:
    """The reply is an error that stays, and its sentence has all these parts."""
    error = reply.error if isinstance(reply, Reply) else None
    return error is not None and all(part in error for part in parts)


def passes(outcome: Reply | TryLater, kind: FailureKind, *parts: str) -> TypeGuard[TryLater]:
    """The attempt failed in a way that passes, and its sentence has all these parts."""
    return (
        isinstance(outcome, TryLater) and outcome.kind is kind and all(part in outcome.why for part in parts)
    )


async def test_a_label_comes_with_teacher_and_cost(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said('{"label": "refund"}', prompt_tokens=70, completion_tokens=5)]
    reply = await replied(asker, config)
    assert (reply.label, reply.error) == ("refund", None)
    assert reply.deferral == deferral("money back!")
    assert reply.usage == Usage(70, 5)
    assert reply.latency_ms is not None
    assert reply.latency_ms > 0
    assert reply.teacher is not None
    assert (reply.teacher.model, reply.teacher.prompt) == ("m", prompt_hash(config))
    [body] = endpoint.bodies
    assert body["messages"][-1] == {"role": "user", "content": "money back!"}
    assert body["response_format"] == answer_format(config.labels)
    assert (body["model"], body["temperature"], endpoint.keys) == ("m", 0.0, ["sk-secret"])


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (401, FailureKind.MISCONFIGURED, "TEACHER_KEY"),
        (402, FailureKind.MISCONFIGURED, "HTTP 402"),
        (403, FailureKind.MISCONFIGURED, "TEACHER_KEY"),
        (404, FailureKind.MISCONFIGURED, "`teacher.model`"),
        (408, FailureKind.TIMED_OUT, "endpoint's log"),
        (409, FailureKind.SERVER_ERROR, "endpoint's log"),
        (429, FailureKind.RATE_LIMITED, "lower `teacher.concurrency`"),
        (500, FailureKind.SERVER_ERROR, "endpoint's log"),
        (503, FailureKind.SERVER_ERROR, "endpoint's log"),
    ],
)
async def test_what_passes_is_no_reply(
    asker: TeacherClient,
    config: TeacherConfig,
    endpoint: Any,
    status: int,
    kind: FailureKind,
    advice: str,
) -> None:
    endpoint.answers = [endpoint.refused(status, "no, thanks", retry_after="7")]
    outcome = await asker.ask(deferral(), msgspec.structs.replace(config, labels=(), prompt="?"))
    assert passes(outcome, kind, f"teacher m at {endpoint.url}", f"HTTP {status}", "no, thanks", advice)
    assert outcome.retry_after == 7.0
    assert len(endpoint.bodies) == (2 if status == 404 else 1), "404 may be about what is sent beside"


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (400, {"message": "no"}, "`teacher.prompt`"),
        (422, {"message": "no"}, "HTTP 422"),
        (413, {"message": "no"}, "too long for it"),
        (400, {"message": "no", "code": "context_length_exceeded"}, "too long for it"),
        (400, {"message": "This model's maximum context length is 8 tokens"}, "too long for it"),
        (400, {"message": "no", "code": "content_filter"}, "content filter"),
        (403, {"message": "no", "code": "content_policy_violation"}, "content filter"),
    ],
)
async def test_what_is_said_of_the_text_stays(
    asker: TeacherClient,
    config: TeacherConfig,
    endpoint: Any,
    status: int,
    error: dict[str, str],
    says: str,
) -> None:
    endpoint.answers = [JSONResponse({"error": error}, status)]
    reply = await asker.ask(deferral(), config)
    assert failed(reply, f"teacher m at {endpoint.url}", f"HTTP {status}", says)
    assert reply.teacher is not None
    assert not called_nobody(reply)
    structure_is_tried_without = says in ("`teacher.prompt`", "HTTP 422")
    assert len(endpoint.bodies) == (2 if structure_is_tried_without else 1)


async def test_a_key_refused_with_400_passes(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [JSONResponse({"error": {"message": "no", "code": "invalid_api_key"}}, 400)]
    assert passes(await asker.ask(deferral(), config), FailureKind.MISCONFIGURED, "HTTP 400")


async def test_silence_ends_in_time(asker: TeacherClient, config: TeacherConfig, endpoint: Any) -> None:
    endpoint.answers = [endpoint.silence]
    impatient = msgspec.structs.replace(config, timeout=0.05)
    outcome = await asker.ask(deferral(), impatient)
    assert passes(
        outcome, FailureKind.TIMED_OUT, endpoint.url, "no answer within 0.05 s", "`teacher.timeout`"
    )


async def test_an_endless_answer_ends_in_time(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    async def drip() -> AsyncIterator[bytes]:
        while not endpoint.over.is_set():
            yield b" "
            await asyncio.sleep(0.01)

    endpoint.answers = [StreamingResponse(drip(), media_type="application/json")]
    impatient = msgspec.structs.replace(config, timeout=0.2)
    assert passes(await asker.ask(deferral(), impatient), FailureKind.TIMED_OUT, "no answer within 0.2 s")


async def test_tokens_of_a_lost_attempt_are_told(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("no idea"), endpoint.refused(429, "slow down")]
    outcome = await asker.ask(deferral(), config)
    assert passes(outcome, FailureKind.RATE_LIMITED, "slow down")
    assert (outcome.usage, outcome.retry_after) == (Usage(11, 2), None)


async def test_misconfiguration_is_logged_once(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = msgspec.structs.replace(config, labels=())
    endpoint.answers = [endpoint.said("refund")]
    for asked in (wrong, wrong, config, wrong):
        await asker.ask(deferral(), asked)
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 2
    assert all("task=support" in line and "`teacher.labels` is empty" in line for line in told)


@pytest.mark.parametrize("status", [400, 404, 422, 500])
async def test_unstructured_endpoints_are_remembered(
    asker: TeacherClient,
    config: TeacherConfig,
    endpoint: Any,
    status: int,
) -> None:
    endpoint.answers = [
        endpoint.refused(status, "response_format: not supported"),
        endpoint.said("Refund."),
        endpoint.said("card_arrival"),
    ]
    assert (await replied(asker, config)).label == "refund"
    assert (await replied(asker, config)).label == "card_arrival"
    assert ["response_format" in body for body in endpoint.bodies] == [True, False, False]


async def test_other_refusals_keep_structured_output(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [
        endpoint.refused(400, "no"),
        endpoint.refused(400, "no"),
        endpoint.said("refund"),
    ]
    assert failed(await asker.ask(deferral(), config), "HTTP 400 (", "no")
    assert (await replied(asker, config)).label == "refund"
    assert ["response_format" in body for body in endpoint.bodies] == [True, False, True]


async def test_an_unreadable_answer_is_asked_for_twice(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("Let me think"), endpoint.said("refund")]
    reply = await replied(asker, config)
    assert (reply.label, reply.usage) == ("refund", Usage(22, 4))
    roles = [message["role"] for message in endpoint.bodies[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    endpoint.answers = [endpoint.said("no idea"), endpoint.said(None, refusal="I can't help with that")]
    reply = await replied(asker, config)
    assert failed(reply, "I can't help with that", "none of the 2 labels", "`teacher.prompt`")
    assert (reply.usage, len(endpoint.bodies)) == (Usage(22, 4), 4)


@pytest.mark.parametrize("body", NO_COMPLETIONS, ids=range(len(NO_COMPLETIONS)))
async def test_other_responses_are_no_completion(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any, body: Response
) -> None:
    endpoint.answers = [body]
    outcome = await asker.ask(deferral(), config)
    assert passes(outcome, FailureKind.MISCONFIGURED, "not a chat completion", "`teacher.url`")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": "localhost:8000"}, "`teacher.url`: 'localhost:8000' is no URL"),
        ({"url": "http://256.1.1.1/v1"}, "`teacher.url`"),
        ({"url": "http://a:b/v1"}, "`teacher.url`"),
        ({"url": "https://api.openai.com/v1", "key_env": "UNSET"}, "environment variable UNSET"),
        ({"key_env": "ODD"}, "environment variable ODD"),
        ({"key_env": "DATABASE_PASSWORD"}, "DATABASE_PASSWORD is not among the environment variables"),
        ({"labels": ()}, "`teacher.labels` is empty"),
    ],
)
async def test_a_setting_that_can_not_work_is_named(
    config: TeacherConfig, changes: dict[str, str | None], named: str
) -> None:
    async with TeacherClient(KeyVariables({**ENVIRON, "ODD": "sk-\u00e9"}, NAMES)) as teacher:
        outcome = await teacher.ask(deferral(), msgspec.structs.replace(config, **changes))
    assert passes(outcome, FailureKind.MISCONFIGURED, named)


@pytest.mark.parametrize("unset", ["url", "model"])
async def test_without_a_teacher_there_is_nothing_to_wait_for(
    asker: TeacherClient, config: TeacherConfig, unset: str
) -> None:
    outcome = await asker.ask(deferral(), msgspec.structs.replace(config, **{unset: None}))
    assert failed(outcome, f"`teacher.{unset}` is not set")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", f"http://{'a' * 64}.invalid/v1"])
async def test_an_unreachable_address_is_named(asker: TeacherClient, config: TeacherConfig, url: str) -> None:
    outcome = await asker.ask(deferral(), msgspec.structs.replace(config, url=url))
    assert passes(outcome, FailureKind.UNREACHABLE, f"teacher m at {url}", "`teacher.url`")


async def test_a_key_is_made_up_only_if_none_is_set(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("refund"), endpoint.refused(400, "no")]
    local = msgspec.structs.replace(config, key_env="UNSET")
    assert (await replied(asker, local)).label == "refund"
    assert endpoint.keys == ["none"]
    private = msgspec.structs.replace(config, url=endpoint.url.replace("//", "//me:hidden@"))
    reply = await asker.ask(deferral(), private)
    assert failed(reply, "HTTP 400")
    assert "hidden" not in (reply.error or "")


@pytest.mark.parametrize(
    ("status", "says"), [(401, "wrong: {key}"), (400, "context window, {key}"), (400, "{key}?")]
)
async def test_a_key_that_the_endpoint_repeats_is_told_to_nobody(
    config: TeacherConfig, endpoint: Any, status: int, says: str
) -> None:
    key = "sk-a-key-of-ours"
    endpoint.answers = [endpoint.refused(status, says.format(key=key))]
    async with TeacherClient(KeyVariables({config.key_env: key}, [config.key_env])) as client:
        outcome = await client.ask(deferral(), config)
    assert set(endpoint.keys) == {key}
    assert "***" in str(outcome)
    assert "sk-a" not in str(outcome)


async def test_a_deferral_without_text_is_an_error(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    reply = await asker.ask(deferral(text=None), config)
    assert failed(reply, "no `text`")
    assert called_nobody(reply)
    assert endpoint.bodies == []


async def test_confidence_and_cached_tokens_are_kept(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    half = {"content": [{"token": "ref", "logprob": math.log(0.5)}, {"token": "und", "logprob": 0.0}]}
    endpoint.answers = [
        endpoint.said("refund", cached_tokens=8, choice={"logprobs": half}),
        endpoint.said("refund", choice={"logprobs": {"content": "odd"}}),
    ]
    confident = msgspec.structs.replace(config, confidence=True)
    reply = await replied(asker, confident)
    assert (reply.confidence, reply.usage) == (pytest.approx(0.5), Usage(11, 2, 8))
    assert endpoint.bodies[0]["logprobs"] is True
    assert (await replied(asker, confident)).confidence is None, "an answer without them is an answer"


async def test_a_cut_off_answer_is_not_asked_again(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("", choice={"finish_reason": "length"})]
    reply = await asker.ask(deferral(), config)
    assert failed(reply, "cut off", "`teacher.max_output_tokens`")
    assert len(endpoint.bodies) == 1


async def test_a_filtered_answer_is_an_error_that_stays(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said(None, choice={"finish_reason": "content_filter"})]
    assert failed(await asker.ask(deferral(), config), "content filter")


async def test_an_error_with_status_200_counts_as_one(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [JSONResponse({"error": {"code": 429, "message": "slow down"}})]
    assert passes(await asker.ask(deferral(), config), FailureKind.RATE_LIMITED, "slow down")
    endpoint.answers = [JSONResponse({"error": {"code": 400, "message": "bad text"}})]
    assert failed(await asker.ask(deferral(), config), "bad text")


async def test_a_text_that_is_too_long_is_not_sent(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("refund")]
    short = msgspec.structs.replace(config, max_text=4)
    assert failed(
        await asker.ask(deferral("hello"), short), "has 5 characters", "`teacher.max_text` allows 4"
    )
    assert endpoint.bodies == []
    assert (await replied(asker, short, "hell")).label == "refund"


def test_an_error_can_always_be_encoded(config: TeacherConfig) -> None:
    reply = error_reply(deferral(), config, "it said a\ud800")
    assert REPLY.decode(REPLY.encode(reply)).error == "it said a?"
