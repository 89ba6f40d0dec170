"""Spans in JSON become traces by the task's rules, and OTLP's answers say what was not used."""

import gzip
import json
from typing import Any

import pytest

from schemas.messages import Reason, Usage
from streams.clock import unix_ms
from streams.gateway.chat_routes import TASK_HEADER
from streams.gateway.keys import create_key
from tests.streams.fakes import ScriptedPolicy
from tests.streams.gateway.harness import running
from tests.streams.gateway.otlp.spans import (
    CHAT,
    INFERENCE,
    LISTED,
    TEXT,
    document,
    parts,
    post,
    replies,
    span,
    today,
)

PARAMETERS = {"type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}, "required": ["answer"]}
FUNCTION = {"name": "say", "parameters": PARAMETERS}
CALLED = {"type": "tool_call", "name": "say", "arguments": {"answer": "yes"}}
FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a JSON field that the task names": (today('{"answer": "yes"}'), {"field": "answer"}),
    "a schema that the span holds": (
        today('{"answer": "yes"}') | {"gen_ai.request.structured_output_schema": json.dumps(PARAMETERS)},
        {},
    ),
    "a function that the call forces": (
        {name: value for name, value in INFERENCE.items() if not name.startswith("llm.output")}
        | {
            "llm.invocation_parameters": json.dumps(
                {
                    "tools": [{"type": "function", "function": FUNCTION}],
                    "tool_choice": {"type": "function", "function": {"name": "say"}},
                }
            ),
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "say",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"answer": "yes"}',
        },
        {},
    ),
    "a function of which the span says little": (
        today() | {"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [CALLED]}])},
        {"field": "answer"},
    ),
    "a pattern in plain text": (today("Label: yes!"), {"label": "Label: (yes|no)"}),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_label_is_read_by_the_rules_of_the_task(form: str) -> None:
    attributes, chat = FORMS[form]
    async with running(ScriptedPolicy(), config=LISTED | {"chat": chat}) as gateway:
        assert (await post(gateway, document(span(attributes)))).json() == {}
        [reply] = await replies(gateway, 1)
    assert (reply.label, reply.deferral.request.text) == ("yes", TEXT)


async def test_a_form_that_nothing_says_is_not_guessed() -> None:
    called = json.dumps([{"role": "assistant", "parts": [CALLED]}])
    spans = [span(today('{"answer": "yes"}')), span(today() | {"gen_ai.output.messages": called})]
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        partial = (await post(gateway, document(*spans))).json()["partialSuccess"]
    assert (partial["rejectedSpans"], gateway.broker.replies) == ("2", [])


async def test_spans_are_a_sample_only_where_the_task_says_so_and_only_new_ones() -> None:
    config = LISTED | {"chat": {"spans": "sample"}}
    old = document(span(today(), startTimeUnixNano=str((unix_ms() - 4_000_000) * 1_000_000)))
    async with running(ScriptedPolicy(), config=config) as gateway:
        assert (await post(gateway, document(span(today())))).json() == {}
        assert (await post(gateway, old)).json() == {}
        new, past = await replies(gateway, 2)
    assert (new.deferral.reason, new.deferral.sampled, new.deferral.inclusion) == (Reason.OPERATOR, True, 1.0)
    assert (past.deferral.reason, past.deferral.sampled) == (Reason.SEEDED, False)
    assert past.deferral.requested_at < unix_ms() - 3_900_000


async def test_what_is_not_used_is_counted_with_its_reason() -> None:
    several = [{"role": role, "parts": parts("x")} for role in ("user", "assistant", "user")]
    spans = [
        span(today()),
        span({"http.request.method": "POST"}),
        span(today(said="perhaps")),
        span(today() | {"gen_ai.input.messages": json.dumps(several)}),
        span(today(), status={"code": 2}),
        span(today() | {"gen_ai.response.finish_reasons": "length"}),
        span({name: value for name, value in today().items() if "messages" not in name}),
    ]
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        partial = (await post(gateway, document(*spans))).json()["partialSuccess"]
        found = await replies(gateway, 1)
    assert partial["rejectedSpans"] == "5"
    assert partial["errorMessage"].startswith("spans not used; 1: ")
    assert len(found) == 1
    assert gateway.replies == {("t", True): 1, ("t", False): 1}


@pytest.mark.parametrize("name", ["gen_ai.request.model", "gen_ai.response.model", "llm.model_name"])
async def test_an_answer_of_the_surrogate_is_no_teachers(name: str) -> None:
    recorded = (INFERENCE if name.startswith("llm") else today()) | {name: "understudy/t"}
    config = LISTED | {"chat": {"spans": "sample"}}
    async with running(ScriptedPolicy(), config=config) as gateway:
        partial = (await post(gateway, document(span(recorded)))).json()["partialSuccess"]
    assert (partial["rejectedSpans"], gateway.broker.replies) == ("1", [])
    assert "a gateway of Understudy" in partial["errorMessage"]


async def test_a_message_with_a_huge_number_is_none() -> None:
    far = span(CHAT | {f"gen_ai.prompt.{'9' * 5_000}.content": TEXT, "gen_ai.completion": "yes"})
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        answer = await post(gateway, document(far, span(today())))
        assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
        assert len(await replies(gateway, 1)) == 1


async def test_bombs_and_broken_bodies_are_refused() -> None:
    bomb = gzip.compress(b" " * 2_000_000)
    async with running(ScriptedPolicy(), config=LISTED, max_spans=1_000_000) as gateway:
        answers = [
            await post(gateway, bomb, content_encoding="gzip"),
            await post(gateway, b" " * 1_000_001),
            await post(gateway, gzip.compress(b"{}")[:-4], content_encoding="gzip"),
            await post(gateway, b"{}", content_encoding="gzip"),
            await post(gateway, b"{}", content_encoding="br"),
            await post(gateway, b"[" * 90_000),
            await post(gateway, b"{}", content_type="text/plain"),
        ]
        fine = await post(gateway, gzip.compress(b"{}"), content_encoding="gzip")
    assert [one.status_code for one in answers] == [413, 413, 400, 400, 400, 400, 415]
    assert all(set(one.json()) == {"code", "message"} for one in answers)
    assert (fine.status_code, fine.json()) == (200, {})


async def test_spans_wait_at_the_app_while_kafka_is_away() -> None:
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        gateway.stalled = True
        away = await post(gateway, document(span(today())))
    assert (away.status_code, gateway.broker.produced) == (503, [])
    assert "retry-after" in away.headers


async def test_the_task_is_named_by_span_header_or_key() -> None:
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        token, kept = create_key("app", ["t"], "record", 1)
        gateway.keys = {kept.id: kept}
        named = span(today() | {"understudy.task": "other"})
        url, headers = "/v1/traces", {"authorization": f"Bearer {token}"}
        by_key = await gateway.http.post(url, json=document(span(today())), headers=headers)
        foreign = await gateway.http.post(url, json=document(named), headers=headers)
        by_header = await gateway.http.post(url, json=document(), headers=headers | {TASK_HEADER: "other"})
        nobody = await gateway.http.post(url, json=document())
        gateway.keys = {}
        nameless = await gateway.http.post(url, json=document(span(today())))
    assert by_key.json() == {}
    assert "the key is not for task other" in foreign.json()["partialSuccess"]["errorMessage"]
    assert (by_header.status_code, nobody.status_code) == (403, 401)
    assert "no task: name it" in nameless.json()["partialSuccess"]["errorMessage"]


@pytest.mark.parametrize(
    "names",
    [
        ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.cache_read.input_tokens"),
        ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", ""),
        (
            "llm.token_count.prompt",
            "llm.token_count.completion",
            "llm.token_count.prompt_details.cache_read",
        ),
    ],
)
async def test_tokens_of_a_span_are_those_of_its_reply(names: tuple[str, str, str]) -> None:
    cached = 3 if names[2] else 0
    tokens = [
        {"key": name, "value": {"intValue": str(count)}}
        for name, count in zip(names, (90, 4, 3), strict=True)
        if name
    ]
    whole = span(today())
    whole["attributes"] += tokens
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        await post(gateway, document(whole, span(today(), spanId="ef" * 8)))
        with_tokens, without = await replies(gateway, 2)
    assert (with_tokens.usage, without.usage) == (Usage(90, 4, cached), None)
    assert gateway.usage == [with_tokens.usage, None]


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.response.id": "chatcmpl-understudy-7"},
        {"output.value": json.dumps({"id": "chatcmpl-understudy-7", "model": "m"})},
        {"output.value": json.dumps({"id": "c", "model": "understudy/t"})},
    ],
)
async def test_an_answer_of_ours_is_known_by_its_response(said: dict[str, str]) -> None:
    """Also where a key or a header names the task, so that no model does."""
    attributes = {name: value for name, value in today().items() if name != "gen_ai.response.model"}
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        partial = (await post(gateway, document(span(attributes | said)))).json()["partialSuccess"]
        assert gateway.broker.produced == []
    assert "went through a gateway" in partial["errorMessage"]
