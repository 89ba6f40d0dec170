"""The teacher over real HTTP on loopback: a reply comes back whatever the endpoint does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reason, Reply, Request, Usage
from streams.teacher.client import TeacherClient
from streams.teacher.failures import overdue_failure
from streams.teacher.prompt import answer_format
from streams.teacher.prompt_hash import prompt_hash

ENVIRON = {"TEACHER_KEY": " sk-secret\n"}

NO_COMPLETIONS = [
    HTMLResponse("<html>Welcome</html>"),
    JSONResponse({"choices": []}),
    JSONResponse({"choices": None}),
    Response(b"\xff{", media_type="application/json"),
    Response(b'{"a":' + b"[" * 50_000),
]


@pytest.fixture
async def asker() -> AsyncIterator[TeacherClient]:
    async with TeacherClient(environ=ENVIRON) as teacher:
        yield teacher


@pytest.fixture
async def config(endpoint: Any) -> TeacherConfig:
    return TeacherConfig(
        url=endpoint.url, model="m", key_env="TEACHER_KEY", labels=("refund", "card_arrival"), retries=2
    )


def deferral(text: str | None = "where is my parcel?", task: str = "support") -> Deferral:
    request = Request(id="1", task=task, text=text, embedding=None if text is not None else [1.0])
    return Deferral(request, Reason.NO_POLICY, audit=False, sampled=True, embedder="text", requested_at=1)


def failed(reply: Reply, *parts: str) -> bool:
    """The reply is an error whose sentence has all these parts."""
    return reply.label is None and all(part in (reply.error or "") for part in parts)


async def test_a_label_comes_with_teacher_and_cost(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said('{"label": "refund"}', prompt_tokens=70, completion_tokens=5)]
    reply = await asker.ask(deferral("money back!"), config)
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


async def test_retries_wait_as_told_or_ever_longer(
    asker: TeacherClient,
    config: TeacherConfig,
    endpoint: Any,
    naps: list[float],
) -> None:
    endpoint.answers = [endpoint.refused(429, "slow down", retry_after="7"), endpoint.said("refund")]
    assert (await asker.ask(deferral(), config)).label == "refund"
    assert naps == [7.0]
    naps.clear()
    endpoint.answers = [endpoint.refused(500, "oops"), endpoint.refused(503, "oops"), endpoint.said("refund")]
    assert (await asker.ask(deferral(), config)).label == "refund"
    assert len(naps) == 2
    assert 0 < naps[0] < naps[1]


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "TEACHER_KEY"),
        (404, "`teacher.model`"),
        (400, "`teacher.temperature`"),
        (429, "tried up to 3 times; lower `teacher.concurrency`"),
        (500, "tried up to 3 times"),
    ],
)
async def test_a_failure_says_what_to_do(
    asker: TeacherClient,
    config: TeacherConfig,
    endpoint: Any,
    naps: list[float],
    status: int,
    advice: str,
) -> None:
    endpoint.answers = [endpoint.refused(status, "no, thanks")]
    reply = await asker.ask(deferral(), config)
    assert failed(reply, f"teacher m at {endpoint.url}", f"HTTP {status}", "no, thanks", advice)
    assert reply.teacher is not None
    assert len(naps) == (2 if status in (429, 500) else 0)


async def test_silence_ends_at_the_deadline(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any, naps: list[float]
) -> None:
    endpoint.answers = [endpoint.silence]
    impatient = msgspec.structs.replace(config, timeout=0.05, retries=1)
    reply = await asker.ask(deferral(), impatient)
    assert failed(reply, "no answer within 0.05 s", "up to 2 times", "`teacher.timeout`")
    assert len(naps) == 1
    one_slot = msgspec.structs.replace(config, concurrency=1)
    async with TeacherClient(deadline=0.2, environ=ENVIRON) as bounded:
        replies = await asyncio.gather(*(bounded.ask(deferral(), one_slot) for _ in range(3)))
    for reply in replies:
        assert failed(reply, endpoint.url, "no answer within 0.2 s", "one of 1 slots", "`teacher.retries`")


def test_an_overdue_answer_names_the_wait_for_a_slot(
    config: TeacherConfig,
) -> None:
    assert "120 s, 90.0 s of them spent waiting for one of 16 slots" in overdue_failure(30.0, 120.0, config)


@pytest.mark.parametrize("status", [400, 404, 422, 500])
async def test_unstructured_endpoints_are_remembered(
    asker: TeacherClient,
    config: TeacherConfig,
    endpoint: Any,
    naps: list[float],
    status: int,
) -> None:
    once = msgspec.structs.replace(config, retries=0)
    endpoint.answers = [
        endpoint.refused(status, "response_format: not supported"),
        endpoint.said("Refund."),
        endpoint.said("card_arrival"),
    ]
    assert (await asker.ask(deferral(), once)).label == "refund"
    assert (await asker.ask(deferral(), once)).label == "card_arrival"
    assert ["response_format" in body for body in endpoint.bodies] == [True, False, False]


async def test_other_refusals_keep_structured_output(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [
        endpoint.refused(400, "too long"),
        endpoint.refused(400, "too long"),
        endpoint.said("refund"),
    ]
    assert failed(await asker.ask(deferral(), config), "HTTP 400 (", "too long")
    assert (await asker.ask(deferral(), config)).label == "refund"
    assert ["response_format" in body for body in endpoint.bodies] == [True, False, True]


async def test_an_unreadable_answer_is_asked_for_twice(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("Let me think"), endpoint.said("refund")]
    reply = await asker.ask(deferral(), config)
    assert (reply.label, reply.usage) == ("refund", Usage(22, 4))
    roles = [message["role"] for message in endpoint.bodies[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    endpoint.answers = [endpoint.said("no idea"), endpoint.said(None, refusal="I can't help with that")]
    reply = await asker.ask(deferral(), config)
    assert failed(reply, "I can't help with that", "none of the 2 labels", "`teacher.prompt`")
    assert (reply.usage, len(endpoint.bodies)) == (Usage(22, 4), 4)


@pytest.mark.parametrize("body", NO_COMPLETIONS, ids=range(len(NO_COMPLETIONS)))
async def test_other_responses_are_no_completion(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any, body: Response
) -> None:
    endpoint.answers = [body]
    assert failed(await asker.ask(deferral(), config), "not a chat completion", "`teacher.url`")


async def test_calls_of_a_task_are_limited(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    under_way, peak, full = 0, 0, asyncio.Event()

    async def held() -> Response:
        nonlocal under_way, peak
        under_way += 1
        peak = max(peak, under_way)
        if under_way == 3:
            full.set()
        await endpoint.over.wait()
        under_way -= 1
        return endpoint.said("refund")

    endpoint.answers = [held]
    three = msgspec.structs.replace(config, concurrency=3)
    asks = [asyncio.create_task(asker.ask(deferral(), three)) for _ in range(9)]
    await full.wait()
    endpoint.answers = [endpoint.said("refund")]
    for _ in range(5):  # had a fourth call been let through, it would have arrived before these
        assert (await asker.ask(deferral(task="other"), three)).label == "refund"
    assert under_way == 3
    endpoint.answers = [held]
    endpoint.over.set()
    assert [reply.label for reply in await asyncio.gather(*asks)] == ["refund"] * 9
    assert peak == 3


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": None}, "`teacher.url` is not set"),
        ({"model": None}, "`teacher.model` is not set"),
        ({"url": "localhost:8000"}, "`teacher.url`: 'localhost:8000' is no URL"),
        ({"url": "http://256.1.1.1/v1"}, "`teacher.url`"),
        ({"url": "http://a:b/v1"}, "`teacher.url`"),
        ({"url": "https://api.openai.com/v1", "key_env": "UNSET"}, "environment variable UNSET"),
        ({"key_env": "ODD"}, "environment variable ODD"),
        ({"labels": ()}, "`teacher.labels` is empty"),
    ],
)
async def test_a_setting_that_can_not_work_is_named(
    config: TeacherConfig, changes: dict[str, str | None], named: str
) -> None:
    async with TeacherClient(environ={**ENVIRON, "ODD": "sk-\u00e9"}) as teacher:
        assert failed(await teacher.ask(deferral(), msgspec.structs.replace(config, **changes)), named)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", f"http://{'a' * 64}.invalid/v1"])
async def test_an_unreachable_address_is_named(
    asker: TeacherClient, config: TeacherConfig, naps: list[float], url: str
) -> None:
    reply = await asker.ask(deferral(), msgspec.structs.replace(config, url=url))
    assert failed(reply, f"teacher m at {url}", "`teacher.url`")


async def test_a_key_is_made_up_only_if_none_is_set(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("refund"), endpoint.refused(400, "no")]
    local = msgspec.structs.replace(config, key_env="UNSET")
    assert (await asker.ask(deferral(), local)).label == "refund"
    assert endpoint.keys == ["none"]
    private = msgspec.structs.replace(config, url=endpoint.url.replace("//", "//me:hidden@"))
    reply = await asker.ask(deferral(), private)
    assert failed(reply, "HTTP 400")
    assert "hidden" not in (reply.error or "")


async def test_a_deferral_without_text_is_an_error(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    assert failed(await asker.ask(deferral(text=None), config), "no `text`")
    assert endpoint.bodies == []
