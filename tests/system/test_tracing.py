"""Spans of several processes, exported over OTLP, are one trace from a request to its label."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.waiting import wait_until
from schemas.codec import REQUEST
from schemas.messages import Request
from streams.kafka.message import Headers, headers_of
from tests.system.deployment import Deployment, read_all
from tests.system.test_gateway import started
from tests.system.wishes import LABELS, TASK, VERSION, meant, publish

service: Any = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")

TRACE, CLIENT = "ab" * 16, "cd" * 8
ODD = "zzz qqq please refund my payment 99"
WELL = TeacherBehaviour(latency=0.0, wrong=0.0, throttled=0.0, failing=0.0)


class Collector:
    """Attributes:
    url: where it takes spans.
    spans: that it has taken, with their resource's attributes.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[tuple[Any, dict[str, str]]] = []

    def take(self, body: bytes) -> None:
        for group in service.ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = texts_of(group.resource)
            for scope in group.scope_spans:
                self.spans += [(span, resource) for span in scope.spans]

    def of(self, trace: str) -> dict[str, Any]:
        """Spans of a trace by name."""
        return {span.name: span for span, _ in list(self.spans) if span.trace_id.hex() == trace}


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield collector
        server.shutdown()


def texts_of(attributed: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in attributed.attributes}


def test_a_deferred_request_is_one_trace_over_all_processes(deployment: Deployment) -> None:
    publish(deployment)
    with collecting() as collector, SimulatedTeacher(meant, LABELS, WELL) as teacher:
        deployment.environment |= {
            "UNDERSTUDY_TRACING": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        }
        asked = {"url": teacher.url, "model": "simulated", "labels": LABELS}
        deployment.configure(TASK, teacher=asked, target_agreement=0.99, audit_rate=0.0, repeat_rate=0.0)
        for role in ("route", "teacher", "learn"):
            deployment.worker(role)
        producer = deployment.producer()
        sent = REQUEST.encode(Request("r", TASK, ODD))
        headers: Headers = [("traceparent", f"00-{TRACE}-{CLIENT}-01".encode()), ("baggage", b"a=1")]
        producer.produce(deployment.topics.requests, sent, b"r", headers=headers)
        assert producer.flush(30) == 0
        (label,) = read_all(deployment, deployment.topics.labels, 1)
        wait_until(lambda: len(collector.of(TRACE)) == 3, 30, "the spans of three roles")
        with started(deployment) as client:
            there = {"traceparent": f"00-{'ef' * 16}-{CLIENT}-01"}
            call = {"task": TASK, "id": "h", "text": ODD}
            assert client.post("/v1/classify", json=call, headers=there).json()["source"] == "teacher"
        wait_until(lambda: len(collector.of("ef" * 16)) == 3, 30, "the spans of a call")
        deployment.stop()
    spans, over_http = collector.of(TRACE), collector.of("ef" * 16)
    route, chat, learn = (spans[name] for name in ("route", "chat simulated", "learn"))
    assert route.parent_span_id.hex() == CLIENT
    assert chat.parent_span_id == route.span_id
    assert learn.parent_span_id == chat.span_id
    said = dict(headers_of(label))
    assert said["traceparent"] == f"00-{TRACE}-{learn.span_id.hex()}-01".encode()
    assert said["baggage"] == b"a=1"
    numbers = {pair.key: pair.value.int_value for pair in chat.attributes}
    assert numbers["gen_ai.usage.input_tokens"] > 0
    assert numbers["gen_ai.usage.output_tokens"] > 0
    assert texts_of(route) | {"understudy.outcome": "deferral", "understudy.policy": VERSION} == texts_of(
        route
    )
    assert texts_of(learn)["understudy.source"] == "teacher"
    assert set(over_http) == {"POST /v1/classify", "chat simulated", "learn"}
    assert over_http["chat simulated"].parent_span_id == over_http["POST /v1/classify"].span_id
    resources = [resource for span, resource in collector.spans if span.trace_id.hex() == TRACE]
    assert len({resource["service.instance.id"] for resource in resources}) == 3
    assert Counter(one["service.name"] for one in resources) == {"understudy": 3}
    assert {one["deployment.environment.name"] for one in resources} == {"test"}
    assert not [span for span, _ in collector.spans if "qqq" in str(span)], "no span holds a text"
