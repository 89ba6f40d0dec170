"""Spans over OTLP on a real Kafka and Redis become one trace each, however often they are exported."""

import json

from infra.harness.waiting import wait_until
from schemas.messages import Reason
from tests.system.deployment import Deployment
from tests.system.test_gateway import started, traces
from tests.system.wishes import LABELS, TASK, answers, publish, wishes


def exported(asked: dict[str, str], labels: dict[str, str]) -> dict[str, object]:
    """An export with a span for each text."""
    spans = []
    for number, (name, text) in enumerate(asked.items(), 1):
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": json.dumps([{"role": "user", "content": text}]),
            "gen_ai.output.messages": json.dumps([{"role": "assistant", "content": labels[name]}]),
        }
        listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        spans.append({"traceId": "ab" * 16, "spanId": f"{number:016x}", "attributes": listed})
    resource = {"attributes": [{"key": "understudy.task", "value": {"stringValue": TASK}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}


def test_spans_become_traces_once(deployment: Deployment) -> None:
    publish(deployment)
    deployment.configure(TASK, teacher={"labels": list(LABELS), "model": "m"})
    asked = wishes(20)
    labels = answers(asked)
    body = exported({one.id: one.text or "" for one in asked}, labels)
    deployment.worker("learn")
    with started(deployment) as client:
        for _ in range(2):
            answer = client.post("/v1/traces", json=body)
            assert (answer.status_code, answer.json()) == (200, {})
        wait_until(lambda: len(traces(deployment)) == len(asked), 60, "a trace of each span")
        further = {"late": asked[0].text or ""}
        last = exported(further, {"late": labels[asked[0].id]})
        last["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] = "f" * 16  # type: ignore[index]
        assert client.post("/v1/traces", json=last).status_code == 200
        wait_until(lambda: any("ffff" in one.id for one in traces(deployment)), 60, "what was sent last")
    found = traces(deployment)
    assert len(found) == len(asked) + 1, "what was exported twice counts once"
    assert {one.label for one in found} == set(labels.values())
    assert {(one.reason, one.sampled, one.guess) for one in found} == {(Reason.SEEDED, False, None)}
    deployment.stop()
