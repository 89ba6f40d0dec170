"""An app changes its base URL and nothing else: forwarded as it is, recorded, or answered in its own form."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import openai
import pytest
from msgspec.structs import replace
from pydantic import BaseModel

from models.manifest import LabelSource
from schemas.codec import DEFERRAL
from schemas.messages import Reason, Teacher, Usage
from streams.gateway.keys import create_key
from streams.privacy.mask import Mask
from tests.streams.fakes import TOPICS, ScriptedPolicy
from tests.streams.gateway.harness import UNSURE, YES, RunningGateway, running, until
from tests.streams.gateway.scripted_llm import ScriptedLlm, four_replies, scripted_llm

INSTRUCTIONS = {"role": "system", "content": "yes or no?"}
SCHEMA: Any = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}
TOOL: Any = {"type": "function", "function": {"name": "say", "parameters": SCHEMA}}
NAMED: Any = {"type": "function", "function": {"name": "say"}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}}


class Answer(BaseModel):
    answer: Literal["yes", "no"]


@asynccontextmanager
async def chatting(
    mode: str = "serve",
    config: Mapping[str, Any] | None = None,
    mask: Mask | None = None,
    settings: Mapping[str, Any] | None = None,
    **chat: Any,
) -> AsyncIterator[tuple[RunningGateway, ScriptedLlm, openai.AsyncOpenAI]]:
    """A gateway in front of an LLM, and an app that calls it."""
    async with scripted_llm() as llm:
        teacher = {"url": llm.url, "model": "small", "labels": ["no", "yes"]}
        fields = {"teacher": teacher, "chat": {"mode": mode, "prompts": ["*"], **chat}} | dict(config or {})
        async with running(ScriptedPolicy(), config=fields, mask=mask, **(settings or {})) as gateway:
            url = f"{gateway.url}/v1"
            async with openai.AsyncOpenAI(base_url=url, api_key="sk-app", max_retries=0, timeout=60.0) as app:
                yield gateway, llm, app


def asking(text: str = YES, **given: Any) -> dict[str, Any]:
    return {"model": "understudy/t", "messages": [INSTRUCTIONS, {"role": "user", "content": text}]} | given


async def test_the_surrogate_answers_plain_text() -> None:
    async with chatting() as (gateway, llm, app):
        raw = await app.chat.completions.with_raw_response.create(**asking())
        answer = raw.parse()
        (label,) = gateway.broker.labels
    assert answer.choices[0].message.content == "yes"
    assert (answer.choices[0].finish_reason, answer.usage.total_tokens) == ("stop", 0)
    assert (answer.model, answer.system_fingerprint) == ("understudy/t", "v1")
    assert answer.id == f"chatcmpl-understudy-{label.id}"
    assert raw.headers["x-understudy-decision-id"] == label.id
    assert (label.label, label.reason, llm.asked) == ("yes", Reason.ACCEPTED, [])


async def test_every_form_is_answered_as_it_is_asked_for() -> None:
    async with chatting() as (_, llm, app):
        parsed = await app.chat.completions.parse(**asking(), response_format=Answer)
        named = await app.chat.completions.create(**asking(), tools=[TOOL], tool_choice=NAMED)
        required = await app.chat.completions.create(**asking(), tools=[TOOL], tool_choice="required")
        assert llm.asked == []
    assert parsed.choices[0].message.parsed == Answer(answer="yes")
    for answer, finish in ((named, "stop"), (required, "tool_calls")):
        message = answer.choices[0].message
        assert (message.content, answer.choices[0].finish_reason) == (None, finish)
        (call,) = message.tool_calls
        assert (call.type, call.function.name) == ("function", "say")
        assert json.loads(call.function.arguments) == {"answer": "yes"}


async def test_answers_are_streamed_to_who_wants_that() -> None:
    async with chatting() as (_, _llm, app):
        options: Any = {"include_usage": True}
        stream = await app.chat.completions.create(**asking(), stream=True, stream_options=options)
        chunks = [chunk async for chunk in stream]
        async with app.chat.completions.stream(**asking(), response_format=Answer) as parsing:
            parsed = await parsing.get_final_completion()
        async with app.chat.completions.stream(**asking(), tools=[TOOL], tool_choice=NAMED) as calling:
            called = await calling.get_final_completion()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "yes"
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 0)
    assert parsed.choices[0].message.parsed == Answer(answer="yes")
    assert json.loads(called.choices[0].message.tool_calls[0].function.arguments) == {"answer": "yes"}


async def test_what_it_may_not_answer_is_asked_and_recorded() -> None:
    async with chatting() as (gateway, llm, app):
        llm.says("no")
        answer = await app.chat.completions.create(**asking(UNSURE, temperature=0.2))
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
        assert gateway.broker.to(TOPICS.deferrals) == gateway.broker.labels == []
    assert answer.model == "m-2026"
    assert (reply.label, reply.usage, reply.teacher.model) == ("no", Usage(9, 2, 0), "small")
    deferral = reply.deferral
    assert (deferral.reason, deferral.asked_by, deferral.request.text) == (
        Reason.LOW_SCORE,
        "gateway",
        UNSURE,
    )
    assert (deferral.sampled, deferral.guess.label) == (False, "yes")


@pytest.mark.parametrize("mode", ["record", "shadow"])
async def test_all_is_forwarded_and_sampled_until_it_serves(mode: str) -> None:
    async with chatting(mode, {"audit_rate": 0.0}) as (gateway, llm, app):
        llm.streams("n", "o")
        raw = await app.chat.completions.with_raw_response.create(**asking(stream=True))
        said = "".join([chunk.choices[0].delta.content or "" async for chunk in raw.parse()])
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
        assert gateway.broker.labels == []
    assert (said, reply.label) == ("no", "no")
    deferral = reply.deferral
    assert (deferral.reason, deferral.sampled, deferral.audit) == (Reason.OPERATOR, True, False)
    assert (deferral.inclusion, deferral.guess.label) == (1.0, "yes")
    assert raw.headers["x-understudy-mode"] == mode
    assert raw.headers.get("x-understudy-shadow") == ("yes" if mode == "shadow" else None)
    assert raw.headers["x-request-id"] == "up-1", "the LLM's own"


@pytest.mark.parametrize(("rate", "sampled"), [(0.0, False), (1.0, True)])
@pytest.mark.parametrize("key_mode", ["record", "shadow"])
async def test_beside_served_calls_the_draw_says_what_is_sampled(
    key_mode: Literal["record", "shadow"], rate: float, sampled: bool
) -> None:
    token, key = create_key("app", ("t",), key_mode, 1)
    other_token, other = create_key("other", ("t",), "serve", 1)
    async with chatting(config={"audit_rate": rate, "audit_early": rate}) as (gateway, llm, app):
        llm.says("no")
        gateway.keys = {key.id: key, other.id: other}
        await app.chat.completions.create(**asking(UNSURE), extra_headers={"x-understudy-key": other_token})
        await app.chat.completions.create(**asking(), extra_headers={"x-understudy-key": token})
        await until(lambda: len(gateway.broker.replies) == 2)
        deferral = gateway.broker.replies[1].deferral
    assert (deferral.reason, deferral.sampled, deferral.inclusion) == (Reason.OPERATOR, sampled, rate)


@pytest.mark.parametrize("mode", ["record", "shadow", "serve"])
async def test_beside_other_traffic_forwarded_calls_are_drawn(mode: str) -> None:
    """All are in the sample while there is nothing else, and none at the audit rate of 0 from then on."""
    async with chatting(mode, prompts=[]) as (gateway, llm, app):
        llm.says("no")
        await app.chat.completions.create(**asking())
        await gateway.classify()
        gateway.rated.note_labels(gateway.broker.labels)
        await app.chat.completions.create(**asking())
        await until(lambda: len(gateway.broker.replies) == 2)
        alone, beside = (reply.deferral for reply in gateway.broker.replies)
    assert [(one.sampled, one.inclusion) for one in (alone, beside)] == [(True, 1.0), (False, 0.0)]


async def test_an_audited_answer_is_checked_in_the_apps_own_words() -> None:
    async with chatting("serve", {"audit_rate": 1.0}) as (gateway, llm, app):
        llm.says("no")
        await app.chat.completions.create(**asking(seed=7))
        await until(lambda: bool(gateway.broker.replies))
        (copy,), (reply,) = gateway.broker.to(TOPICS.audits), gateway.broker.replies
        assert gateway.budget.recorded == [("t", "audits", 1)]
    asked = json.loads(llm.asked[0].body)
    assert (asked["model"], asked["seed"], asked["messages"]) == ("small", 7, asking()["messages"])
    audit = DEFERRAL.decode(copy.value)
    assert (audit.audit, audit.asked_by, audit.guess.label) == (True, "gateway", "yes")
    assert (reply.deferral, reply.label) == (audit, "no")


@pytest.mark.parametrize(
    ("script", "gave_up", "tokens"),
    [({"status": 429}, True, 0), ({"status": 400}, False, 0), ({"content": "perhaps"}, False, 11)],
)
async def test_a_check_that_fails_is_an_error(script: dict[str, Any], gave_up: bool, tokens: int) -> None:
    async with chatting("serve", {"audit_rate": 1.0}) as (gateway, llm, app):
        llm.says(script.get("content", "no"))
        llm.status = script.get("status", 200)
        assert (await app.chat.completions.create(**asking())).choices[0].message.content == "yes"
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
        await until(lambda: bool(gateway.budget.recorded))
    assert (reply.label, reply.gave_up, gateway.budget.tokens) == (None, gave_up, tokens)


async def test_a_check_asks_for_a_reply_that_can_be_read() -> None:
    async with chatting("serve", {"audit_rate": 1.0}) as (gateway, llm, app):
        llm.says("no")
        await app.chat.completions.create(**asking(), extra_headers={"accept-encoding": "br, gzip"})
        await until(lambda: bool(gateway.broker.replies))
    assert dict(llm.asked[0].headers)[b"accept-encoding"] == b"gzip"


@pytest.mark.parametrize(
    "teacher",
    [
        {"url": "http://127.0.0.1:9/v1"},
        {"url": "http://127.0.0.1:9/v1", "model": "m", "key_env": "HOME"},
        {"url": "http://[::1/v1", "model": "m"},
    ],
    ids=["no model", "a key that may not be read", "no URL"],
)
async def test_the_teacher_role_says_what_an_audit_lacks(teacher: dict[str, Any]) -> None:
    """Were the call refused instead, whatever is audited would fail, and the other answers stay unaudited."""
    fields = {"audit_rate": 1.0, "teacher": {**teacher, "labels": ["no", "yes"]}}
    async with chatting("serve", fields) as (gateway, _, app):
        without_key = app.with_options(api_key="us_none")
        answer = await without_key.chat.completions.create(**asking())
        (copy,) = await gateway.produced(TOPICS.audits)
    assert answer.choices[0].message.content == "yes"
    assert DEFERRAL.decode(copy.value).asked_by is None


@pytest.mark.parametrize("key", ["k", "k" * 1_000])
async def test_an_idempotency_key_stands_for_one_question(key: str) -> None:
    async with chatting() as (gateway, _, app):
        for text in (YES, YES, "yes 0.8 0.1"):
            await app.chat.completions.create(**asking(text), extra_headers={"idempotency-key": key})
        first, again, other = (label.id for label in gateway.broker.labels)
    assert first == again != other


async def test_what_the_llm_says_is_masked_too() -> None:
    async with chatting("serve", {"audit_rate": 1.0}, mask=lambda text: text.replace("Jane", "NAME")) as (
        gateway,
        llm,
        app,
    ):
        llm.says("Jane is cross")
        await app.chat.completions.create(**asking())
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
    assert (reply.label, "Jane" in str(reply.error)) == (None, False)


@pytest.mark.parametrize("teachers", [(), (LabelSource("small", "another"),), (LabelSource("small"),)])
async def test_a_prompt_that_was_not_learned_from_is_forwarded(teachers: tuple[LabelSource, ...]) -> None:
    async with chatting(prompts=[]) as (gateway, llm, app):
        llm.says("no")
        gateway.tasks.set_policy("t", ScriptedPolicy(teachers=teachers))
        raw = await app.chat.completions.with_raw_response.create(**asking())
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
        assert raw.headers["x-understudy-reason"] == "uncertified"
        assert (reply.deferral.reason, reply.deferral.sampled) == (Reason.UNCERTIFIED, True)
        known = LabelSource(reply.teacher.model, reply.teacher.prompt)
        gateway.tasks.set_policy("t", ScriptedPolicy(teachers=(known,)))
        assert (await app.chat.completions.create(**asking())).model == "understudy/t"


async def test_an_operator_says_which_prompts_a_version_stands_for() -> None:
    debug = {"x-understudy-debug": "1"}
    async with chatting(prompts=[]) as (gateway, llm, app):
        llm.says("no")
        raw = await app.chat.completions.with_raw_response.create(**asking(), extra_headers=debug)
        teacher = {"url": llm.url, "model": "small", "labels": ["no", "yes"]}
        chat = {"mode": "serve", "prompts": [raw.headers["x-understudy-prompt"]]}
        gateway.tasks.configure("t", {"audit_rate": 0.0, "teacher": teacher, "chat": chat})
        served = await app.chat.completions.create(**asking())
        other = {"role": "system", "content": "no or yes?"}, asking()["messages"][1]
        forwarded = await app.chat.completions.create(**asking(messages=other))
        as_another = {"x-understudy-task": "t"}
        larger = await app.chat.completions.create(**asking(model="large"), extra_headers=as_another)
    assert [answer.model for answer in (served, forwarded, larger)] == ["understudy/t", "m-2026", "m-2026"]


async def test_an_unreadable_reply_is_counted_not_guessed() -> None:
    async with chatting("record") as (gateway, llm, app):
        llm.says("Well, it depends.")
        answer = await app.chat.completions.create(**asking())
        await until(lambda: gateway.recorder.unread["t"] == 1)
        assert gateway.broker.produced == []
        llm.says("no")
        await app.chat.completions.create(**asking())
        await until(lambda: bool(gateway.broker.replies))
    assert answer.choices[0].message.content == "Well, it depends."
    assert gateway.replies == {("t", False): 1, ("t", True): 1}


async def test_a_reply_that_repeats_the_app_s_own_key_is_recorded_without_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = "q2own-key-of-an-app"
    async with chatting("record") as (gateway, llm, app):
        llm.says(f"I do not know {own}.")
        given = {"authorization": f"Bearer {own}"}
        answer = await app.chat.completions.create(**asking(), extra_headers=given)
        await until(lambda: gateway.recorder.unread["t"] == 1)
    assert answer.choices[0].message.content == f"I do not know {own}.", "the app hears all of it"
    assert "I do not know ***" in caplog.text
    assert own not in caplog.text


async def test_texts_and_labels_are_found_by_pattern() -> None:
    chat: Any = {"text": r"Ticket: (.*)", "label": r"Category: (\w+)", "reply": "Category: {label}"}
    async with chatting("serve", None, **chat) as (gateway, llm, app):
        llm.says("Category: no")
        served = await app.chat.completions.create(**asking(f"Ticket: {YES}"))
        await app.chat.completions.create(**asking(f"Ticket: {UNSURE}"))
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
    assert served.choices[0].message.content == "Category: yes"
    assert (reply.label, reply.deferral.request.text) == ("no", UNSURE)


async def exchange(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[httpx2.Response, bytes]:
    """The response to a call, and its body as it came."""
    given = {"content-type": "application/json", "authorization": "Bearer sk-app", **headers}
    async with httpx2.AsyncClient(timeout=30.0) as client:
        request = httpx2.Request("POST", url, headers=given, content=body)
        response = await client.send(request, stream=True)
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
        await response.aclose()
        return response, raw


ODD = (
    b'{ "model":"m",\n "messages": [{"role":"user","content":"\\u00e9 \xc3\xa9"},'
    b'{"role":"assistant","content":"x"}], "zz": 1.50 }'
)


@pytest.mark.parametrize("status", [200, 400, 429, 500, 503])
async def test_what_is_no_question_passes_byte_by_byte(status: int) -> None:
    """Compared with the same call made directly: what the LLM sees, and what the app sees."""
    async with chatting() as (gateway, llm, _):
        zipped = gzip.compress(b'{"odd":  "reply"}', mtime=0)
        llm.status, llm.chunks = status, [zipped[:5], zipped[5:]]
        llm.headers = {
            "content-type": "application/odd",
            "content-encoding": "gzip",
            "retry-after": "7",
            "x-up": "1",
            "x-understudy-source": "surrogate",
        }
        headers = {"accept-encoding": "br, gzip", "openai-organization": "org", "x-stainless-lang": "python"}
        direct, raw = await exchange(f"{llm.url}/chat/completions?a=b", ODD, headers)
        through, raw_through = await exchange(
            f"{gateway.url}/v1/chat/completions?a=b",
            ODD,
            headers | {"x-understudy-task": "t", "connection": "keep-alive, x-hop", "x-hop": "1"},
        )
        seen, seen_through = llm.asked
        assert gateway.broker.produced == []
    assert raw_through == raw == zipped
    assert through.status_code == direct.status_code == status
    ours = {name for name in through.headers if name.startswith("x-understudy-")}
    kept = {name: value for name, value in through.headers.items() if name not in ours | {"date"}}
    sent = set(direct.headers) - {"date", "x-understudy-source"}
    assert kept == {name: direct.headers[name] for name in sent}
    assert (len(through.headers.get_list("date")), through.headers["x-understudy-source"]) == (1, "teacher")
    assert seen_through.body == seen.body == ODD
    assert seen_through.path == seen.path == "/v1/chat/completions?a=b"
    assert dict(seen_through.headers) | {b"host": b""} == dict(seen.headers) | {b"host": b""}
    assert through.headers["x-understudy-reason"] == "no_question"


@pytest.mark.parametrize("mode", ["record", "shadow", "serve"])
async def test_an_app_hears_its_llm_byte_by_byte(mode: str) -> None:
    """Four forms, each compared with a direct call; all of them are recorded."""
    form = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}}
    tool = {"tools": [TOOL], "tool_choice": NAMED, "stream": True}
    asked = [asking(UNSURE, **given) for given in ({}, {"stream": True}, {"response_format": form}, tool)]
    bodies = [json.dumps(one | {"model": "small"}).encode() for one in asked]
    named = {"x-understudy-task": "t", "accept-encoding": "gzip"}
    async with chatting(mode) as (gateway, llm, _):
        llm.replies = four_replies() * 2
        direct = [await exchange(f"{llm.url}/chat/completions", body, named) for body in bodies]
        through = [await exchange(f"{gateway.url}/v1/chat/completions", body, named) for body in bodies]
        await until(lambda: len(gateway.broker.replies) == 4)
        assert {reply.label for reply in gateway.broker.replies} == {"no"}
        assert [one.body for one in llm.asked] == bodies * 2
    for (response, raw), (response_through, raw_through) in zip(direct, through, strict=True):
        assert raw_through == raw
        assert response_through.headers["content-type"] == response.headers["content-type"]


async def test_clients_parse_what_their_llm_says() -> None:
    for mode in ("record", "shadow", "serve"):
        async with chatting(mode) as (_, llm, app):
            llm.replies = four_replies()
            plain = await app.chat.completions.create(**asking(UNSURE))
            stream = await app.chat.completions.create(**asking(UNSURE, stream=True))
            said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            parsed = await app.chat.completions.parse(**asking(UNSURE), response_format=Answer)
            async with app.chat.completions.stream(
                **asking(UNSURE), tools=[TOOL], tool_choice=NAMED
            ) as calling:
                called = await calling.get_final_completion()
        assert (plain.choices[0].message.content, plain.usage.total_tokens, said) == ("no", 11, "no")
        assert parsed.choices[0].message.parsed == Answer(answer="no")
        assert called.choices[0].message.tool_calls[0].function.arguments == '{"answer": "no"}'


async def test_only_the_model_is_replaced_in_a_body() -> None:
    body = (
        b'{"messages": [{"role": "user", "content": "\\u00e9"}, {"role": "user", "content": "b"}], '
        b'"model": "understudy/t", "f": 1.50}'
    )
    async with chatting() as (gateway, llm, _):
        llm.says("no")
        await exchange(f"{gateway.url}/v1/chat/completions", body, {})
        (seen,) = llm.asked
    assert seen.body == (
        b'{"messages":[{"role": "user", "content": "\\u00e9"}, {"role": "user", "content": "b"}],'
        b'"model":"small","f":1.50}'
    )


async def test_half_a_reply_stays_half_a_reply() -> None:
    async with chatting("record") as (gateway, llm, _):
        llm.streams("n", "o")
        llm.breaks = True
        body = json.dumps(asking(stream=True)).encode()
        with pytest.raises(httpx2.RemoteProtocolError):
            await exchange(f"{gateway.url}/v1/chat/completions", body, {})
        await until(lambda: gateway.recorder.unread["t"] == 1)
        assert gateway.broker.produced == []


async def test_a_client_that_hangs_up_ends_the_call() -> None:
    async with chatting("record") as (_, llm, app):
        llm.hangs = True
        call = asyncio.create_task(app.chat.completions.create(**asking()))
        await until(lambda: bool(llm.asked))
        call.cancel()
        await asyncio.wait_for(llm.gone.wait(), 20)


async def test_without_kafka_the_llm_answers() -> None:
    async with chatting() as (gateway, llm, app):
        llm.says("no")
        gateway.stalled = True
        raw = await app.chat.completions.with_raw_response.create(**asking())
        await until(lambda: bool(gateway.broker.replies))
        assert gateway.broker.replies[0].deferral.reason is Reason.UNAVAILABLE
    assert raw.parse().choices[0].message.content == "no"
    assert raw.headers["x-understudy-reason"] == "unavailable"


async def test_an_unreachable_llm_is_told_as_apps_expect() -> None:
    async with chatting() as (gateway, llm, app):
        gateway.tasks.configure("t", {"teacher": {"url": "http://127.0.0.1:9/v1", "model": "m"}})
        with pytest.raises(openai.APIStatusError) as unreachable:
            await app.chat.completions.create(**asking(UNSURE))
        gateway.tasks.configure("t", {})
        with pytest.raises(openai.InternalServerError) as unset:
            await app.chat.completions.create(**asking(UNSURE))
        with pytest.raises(openai.BadRequestError, match="task"):
            await app.chat.completions.create(**asking(model="gpt"))
        assert llm.asked == []
    assert (unreachable.value.status_code, unreachable.value.code) == (502, "teacher_failed")
    assert "teacher.url" in unset.value.message


async def test_keys_stand_in_for_those_of_the_llm() -> None:
    token, key = create_key("app", ("t",), "shadow", 1)
    async with chatting() as (gateway, llm, app):
        llm.says("no")
        gateway.keys, gateway.environ["OPENAI_API_KEY"] = {key.id: key}, "sk-ours"
        with pytest.raises(openai.AuthenticationError):
            await app.chat.completions.create(**asking())
        with_ours = app.with_options(api_key=token)
        raw = await with_ours.chat.completions.with_raw_response.create(**asking(model="gpt"))
        beside = app.with_options(default_headers={"x-understudy-key": token})
        await beside.chat.completions.create(**asking(model="gpt"))
        models = await with_ours.models.list()
        with pytest.raises(openai.NotFoundError):
            await with_ours.models.retrieve("understudy/other")
    assert raw.headers["x-understudy-mode"] == "shadow", "the most that the key allows"
    sent = [dict(one.headers) for one in llm.asked]
    assert [one[b"authorization"] for one in sent] == [b"Bearer sk-ours", b"Bearer sk-app"]
    assert all(token.encode() not in b"".join(one.values()) for one in sent)
    assert [model.id for model in models.data] == ["understudy/t"]


async def test_other_apis_are_forwarded() -> None:
    by_header = {"x-understudy-task": "t"}
    async with chatting() as (gateway, llm, app):
        llm.chunks = [b'{"id": "resp_1", "object": "response", "output": []}']
        answer = await app.responses.create(model="understudy/t", input=YES)
        await app.responses.retrieve("resp_1", extra_headers=by_header, extra_query={"include[]": "x"})
        await app.responses.cancel("resp_1", extra_headers=by_header)
        await app.responses.delete("resp_1", extra_headers=by_header)
        await app.embeddings.create(model="e", input="a", extra_headers=by_header, encoding_format="float")
        await app.moderations.create(input="a", extra_headers=by_header)
        seen = [(asked.method, asked.path) for asked in llm.asked]
        assert gateway.broker.produced == []
    assert answer.id == "resp_1"
    assert json.loads(llm.asked[0].body)["model"] == "small"
    assert json.loads(llm.asked[4].body)["model"] == "e"
    assert seen == [
        ("POST", "/v1/responses"),
        ("GET", "/v1/responses/resp_1?include%5B%5D=x"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/moderations"),
    ]


@pytest.mark.parametrize(
    "path",
    ["/v1/files", "/v1/responses/%2e%2e", "/v1/responses/a%2Fb", "/v1/responses/a b"],
)
async def test_no_other_path_reaches_the_llm(path: str) -> None:
    async with chatting() as (gateway, llm, _):
        answer = await gateway.http.get(path, headers={"x-understudy-task": "t"})
        assert llm.asked == []
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_the_teacher_is_the_llm_with_its_prompt() -> None:
    """A reply's teacher is what certificates are about, so that it must not change from call to call."""
    teachers = {asyncio.run(recorded_teacher(text)) for text in (YES, UNSURE)}
    assert len(teachers) == 1
    assert replace(teachers.pop(), prompt="") == Teacher("small", "")


async def recorded_teacher(text: str) -> Teacher:
    async with chatting("record") as (gateway, llm, app):
        llm.says("no")
        await app.chat.completions.create(**asking(text))
        await until(lambda: bool(gateway.broker.replies))
        return gateway.broker.replies[0].teacher


async def test_a_key_that_is_not_listed_goes_nowhere() -> None:
    token, key = create_key("app", ("t",), "serve", 1)
    async with chatting() as (gateway, llm, app):
        gateway.tasks.configure("t", {"teacher": {"url": llm.url, "model": "m", "key_env": "OTHER_SECRET"}})
        gateway.keys, gateway.environ["OTHER_SECRET"] = {key.id: key}, "other"
        with pytest.raises(openai.InternalServerError, match="UNDERSTUDY_KEY_ENV") as refused:
            await app.with_options(api_key=token).chat.completions.create(**asking(model="gpt"))
    assert (refused.value.status_code, llm.asked) == (503, [])
