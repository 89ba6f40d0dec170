"""An HTTP call is a span, the parent of what it leads to."""

import pytest

from streams.gateway.calls import record_headers
from tests.streams.fakes import TOPICS, ScriptedPolicy
from tests.streams.gateway.harness import YES, running
from tests.streams.gateway.test_classify import TEACHER
from tests.streams.tracing.spans import CLIENT, TRACE, TRACEPARENT, KeptSpans, ids

PARENT = {"traceparent": TRACEPARENT}


async def test_a_label_follows_from_its_call() -> None:
    spans = KeptSpans()
    async with running(ScriptedPolicy(), tracing=spans.writer) as gateway:
        answer = await gateway.classify(YES, PARENT)
        (label,) = await gateway.produced(TOPICS.labels)
    (call,) = spans.all
    assert (answer.status_code, call.name, call.kind.name) == (200, "POST /v1/classify", "SERVER")
    assert ids(call)[::2] == (TRACE, CLIENT)
    assert label.headers == [("traceparent", f"00-{TRACE}-{ids(call)[1]}-01".encode())]
    assert {
        "http.request.method": "POST",
        "http.route": "/v1/classify",
        "http.response.status_code": 200,
        "understudy.task": "t",
        "understudy.source": "surrogate",
        "understudy.reason": "accepted",
        "understudy.policy": "v1",
    }.items() <= dict(call.attributes).items()
    assert YES not in call.to_json()


@pytest.mark.parametrize("id_in_path", ["customer-7", "a/b"])
async def test_no_path_with_an_id_is_shown_and_no_other_call_is_traced(id_in_path: str) -> None:
    spans = KeptSpans()
    async with running(ScriptedPolicy(), tracing=spans.writer) as gateway:
        await gateway.http.get(f"/v1/labels/{id_in_path}?task=t")
        for path in ("/healthz", "/docs", "/nowhere"):
            await gateway.http.get(path)
        await gateway.http.post("/v1/traces", json={})
    (call,) = spans.all
    assert call.name == "GET /v1/labels/{id:path}"
    assert id_in_path not in call.to_json()
    assert (call.attributes["http.response.status_code"], call.status.is_ok) == (404, True)


async def test_a_call_of_the_llm_from_here_goes_on_to_its_reply() -> None:
    spans = KeptSpans()
    async with running(ScriptedPolicy(), config=TEACHER, tracing=spans.writer) as gateway:
        gateway.stalled = True
        assert (await gateway.classify(YES, PARENT)).status_code == 200
        (reply,) = await gateway.produced(TOPICS.replies)
    chat, call = spans.all
    assert ids(chat)[::2] == (TRACE, ids(call)[1])
    assert reply.headers == [("traceparent", f"00-{TRACE}-{ids(chat)[1]}-01".encode())]
    assert chat.attributes["gen_ai.request.model"] == TEACHER["teacher"]["model"]


async def test_without_tracing_the_headers_of_a_call_reach_its_reply() -> None:
    sent = PARENT | {"ce-id": "e1"}
    async with running(ScriptedPolicy(), config=TEACHER) as gateway:
        gateway.stalled = True
        assert (await gateway.classify(YES, sent)).status_code == 200
        (reply,) = await gateway.produced(TOPICS.replies)
    assert reply.headers == record_headers(sent)
