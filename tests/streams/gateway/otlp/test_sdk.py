"""Spans of a real OpenTelemetry SDK become traces, in protobuf, plain and compressed."""

import asyncio
from typing import Any

import pytest

from schemas.messages import Reason
from streams.clock import unix_ms
from streams.gateway.chat_routes import TASK_HEADER
from tests.streams.fakes import TOPICS, ScriptedPolicy
from tests.streams.gateway.harness import running
from tests.streams.gateway.otlp.spans import (
    CHAT,
    EVENTS,
    INFERENCE,
    LISTED,
    SYSTEM,
    TEXT,
    YESTERDAY,
    post,
    replies,
    today,
)
from tests.streams.gateway.scripted_llm import scripted_llm

service: Any = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
tracing: Any = pytest.importorskip("opentelemetry.sdk.trace.export")
sdk: Any = pytest.importorskip("opentelemetry.sdk.trace")
exporters: Any = pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")
otlp_http: Any = pytest.importorskip("opentelemetry.exporter.otlp.proto.http")


def exported(url: str, *spans: Any, compression: Any = None) -> list[str]:
    """Export spans by the SDK, as an app does; the results."""
    exporter = exporters.OTLPSpanExporter(
        f"{url}/v1/traces", headers={TASK_HEADER: "t"}, compression=compression
    )
    results, send = list[str](), exporter.export

    def export(spans: Any) -> Any:
        result = send(spans)
        results.append(result.name)
        return result

    exporter.export = export
    provider = sdk.TracerProvider()
    provider.add_span_processor(tracing.BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("POST /answer"):
        for attributes, events in spans:
            with tracer.start_as_current_span("chat m", attributes=attributes) as span:
                for name, of_event in events:
                    span.add_event(name, of_event)
    provider.shutdown()
    return results


@pytest.mark.parametrize("compression", [None, "Gzip"])
async def test_each_convention_becomes_the_same_trace(compression: str | None) -> None:
    chosen = getattr(otlp_http.Compression, compression) if compression else None
    spans = [(today(), []), (YESTERDAY, []), (INFERENCE, []), (CHAT, EVENTS)]
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        results = await asyncio.to_thread(exported, gateway.url, *spans, compression=chosen)
        found = await replies(gateway, 4)
    assert results == ["SUCCESS"]
    assert {(one.label, one.deferral.request.text, one.deferral.request.task) for one in found} == {
        ("yes", TEXT, "t")
    }
    assert len({one.deferral.request.id for one in found}) == 4
    assert len({one.teacher for one in found}) == 1
    assert {(one.deferral.reason, one.deferral.sampled) for one in found} == {(Reason.SEEDED, False)}
    assert {one.deferral.guess for one in found} == {None}
    assert abs(found[0].deferral.requested_at - unix_ms()) < 60_000
    assert gateway.replies == {("t", True): 4}


async def test_a_span_has_the_prompt_of_the_same_call_over_chat_completions() -> None:
    """So what was learned from spans answers the app once its base URL is changed."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TEXT}]
    call = {"model": "understudy/t", "messages": messages}
    async with scripted_llm() as llm:
        llm.says("yes")
        config = {"teacher": LISTED["teacher"] | {"url": llm.url}, "chat": {"mode": "record"}}
        async with running(ScriptedPolicy(), config=config) as gateway:
            await asyncio.to_thread(exported, gateway.url, (today(), []))
            await gateway.produced(TOPICS.replies)
            assert (await gateway.http.post("/v1/chat/completions", json=call)).status_code == 200
            of_span, of_call = await replies(gateway, 2)
    assert of_span.teacher == of_call.teacher
    assert of_span.label == of_call.label


async def test_protobuf_is_answered_in_protobuf() -> None:
    request = service.ExportTraceServiceRequest()
    made = request.resource_spans.add().scope_spans.add().spans.add(name="chat", span_id=b"1" * 8)
    for name, value in today().items():
        made.attributes.add(key=name).value.string_value = value
    headers = {"content_type": "application/x-protobuf"}
    async with running(ScriptedPolicy(), config=LISTED) as gateway:
        without_id = await post(gateway, request.SerializeToString(), **headers)
        broken = await post(gateway, b"\xff\xff", **headers)
        empty = await post(gateway, b"", **headers)
    answer = service.ExportTraceServiceResponse.FromString(without_id.content)
    assert (answer.partial_success.rejected_spans, without_id.status_code) == (1, 200)
    assert "no ids" in answer.partial_success.error_message
    assert {one.headers["content-type"] for one in (without_id, broken, empty)} == {"application/x-protobuf"}
    assert (broken.status_code, empty.status_code, empty.content) == (400, 200, b"")
