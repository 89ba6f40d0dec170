"""The same stream through HTTP and through Kafka: the same ids, policy and config, so the same decisions."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2

from infra.bench.gateway.sites import TARGET, TASK, Workload, gateway, port_of, publish
from infra.bench.kinds import KINDS
from infra.bench.report import Figure, figure
from infra.bench.servers import deployed
from infra.harness.client import Conversation
from infra.harness.deployment import Deployment
from infra.harness.teacher import OutsideTeacher
from infra.harness.waiting import wait_until
from models.artifact import Artifact
from schemas.codec import LABEL
from schemas.messages import Label, Reply, Request, Teacher
from streams.settings import Settings

KAFKA = "through Kafka"
AUDIT_RATE = 0.1
_ASKED = 3_000
_AT_ONCE = 8
_PACE = 200.0
_PATIENCE = 300.0
_GOLD = Teacher("gold")


def same_stream(servers: Settings, data: Workload, runs: int) -> list[Figure]:  # noqa: ARG001 - counts need one
    """Banking77's test rows; the teacher gives the label of the file."""
    texts = (data.test.rows.texts or ())[:_ASKED]
    requests = [Request(id=f"same-{row}", task=TASK, text=text) for row, text in enumerate(texts)]
    gold = {one.id: label for one, label in zip(requests, data.test.labels, strict=False)}
    artifact = data.policy(KINDS[0])
    with deployed(servers, "stream-http") as deployment, _teaching(deployment, artifact, gold):
        http = ask_over_http(deployment, requests)
        deployment.stop()
    with deployed(servers, "stream-kafka") as deployment, _teaching(deployment, artifact, gold):
        deployment.worker("route")
        with closing(Conversation(deployment)) as conversation:
            kafka = ask_over_kafka(conversation, requests)
        deployment.stop()
    return compare(http, kafka, gold)


def ask_over_http(deployment: Deployment, requests: Sequence[Request]) -> list[Label]:
    """The label of each, a call for each."""
    with gateway(deployment) as worker, httpx2.Client(timeout=60.0) as client:
        url = f"http://127.0.0.1:{port_of(worker)}/v1/classify"

        def ask(request: Request) -> Label:
            body = {"task": request.task, "id": request.id, "text": request.text}
            return LABEL.decode(client.post(url, json=body).raise_for_status().content)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(ask, requests))


def ask_over_kafka(conversation: Conversation, requests: Sequence[Request]) -> list[Label]:
    """The label of each."""
    for _ in conversation.send_paced(requests, _PACE):
        pass

    def complete() -> bool:
        conversation.collect()
        return len(conversation.labels) >= len(requests)

    wait_until(complete, _PATIENCE, f"{len(requests)} labels")
    return conversation.labels


def compare(http: Sequence[Label], kafka: Sequence[Label], gold: Mapping[str, str]) -> list[Figure]:
    """Coverage, agreement and audits of both ways, and the ids that were not decided alike."""
    by_kafka = {label.id: label for label in kafka}
    other = sum(_decided(label) != _decided(by_kafka[label.id]) for label in http)
    shown = [figure("same stream, requests not decided alike", [other], f"of {len(http)}")]
    for name, unit, count in (
        ("answered", "labels", lambda labels: len(_answers(labels))),
        ("agreement", "share", lambda labels: _agreement(labels, gold)),
        ("audits", "labels", lambda labels: sum(one.audited for one in _answers(labels))),
    ):
        shown.append(figure(f"same stream, {name} through HTTP", [count(http)], unit, KAFKA, [count(kafka)]))
    return shown


def _teaching(deployment: Deployment, artifact: Artifact, gold: Mapping[str, str]) -> OutsideTeacher:
    deployment.environment["UNDERSTUDY_AUDIT_KEY"] = "same-stream"  # the same draws both ways
    publish(deployment, artifact)
    rates = {"audit_rate": AUDIT_RATE, "audit_early": 0.0, "repeat_rate": 0.0}
    deployment.configure(TASK, target_agreement=TARGET, refit={"at_least": 1_000_000}, **rates)
    deployment.worker("learn")
    return OutsideTeacher(deployment, lambda asked: Reply(asked, gold[asked.request.id], _GOLD))


def _decided(label: Label) -> tuple[str | None, str, str, bool]:
    return label.label, label.source, label.reason, label.audited


def _answers(labels: Sequence[Label]) -> list[Label]:
    return [label for label in labels if label.source == "surrogate"]


def _agreement(labels: Sequence[Label], gold: Mapping[str, str]) -> float:
    answers = _answers(labels)
    return sum(one.label == gold[one.id] for one in answers) / max(1, len(answers))
