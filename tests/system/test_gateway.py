"""A gateway on a real Kafka and Redis: who answers over HTTP, what is written, what a restart remembers."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.waiting import wait_until
from infra.harness.worker import Worker
from schemas.codec import DEFERRAL, LABEL, TRACE
from schemas.messages import Deferral, Label, Request, Trace
from streams.sampling import Sampler
from tests.system.deployment import Deployment, read_all
from tests.system.gold import GoldTeacher
from tests.system.topics import everything
from tests.system.wishes import LABELS, TASK, VERSION, answers, meant, publish, wishes

RATE = 0.3
WELL = TeacherBehaviour(latency=0.0, wrong=0.0, throttled=0.0, failing=0.0)

PATIENT = {"UNDERSTUDY_GATEWAY__STALLED_AFTER": "60"}
"""A broker that other tests load may take longer than the usual 3 s, and a gateway then passes calls on."""


@pytest.fixture
def gateway(deployment: Deployment) -> Iterator[httpx2.Client]:
    publish(deployment)
    deployment.configure(TASK, audit_rate=RATE, audit_early=0.0, repeat_rate=0.0)
    with started(deployment) as client:
        yield client


def started(deployment: Deployment, *arguments: str, **variables: str) -> httpx2.Client:
    """A client of a gateway that has its policy."""
    worker = deployment.process("infra.cli", "gateway", "--port", "0", *arguments, **{**PATIENT, **variables})
    worker.wait_for_text("the worker is ready")
    wait_until(lambda: worker.has_written(f"policy installed: version={VERSION}"), 30, "the policy")
    return httpx2.Client(base_url=url_of(worker), timeout=60.0)


def url_of(worker: Worker) -> str:
    found = re.search(r"gateway listens: (\S+)", worker.output())
    assert found, worker.output()
    return found[1]


def ask(client: httpx2.Client, number: str, text: str, **body: Any) -> httpx2.Response:
    return client.post("/v1/classify", json={"task": TASK, "id": number, "text": text} | body)


def decoded_labels(deployment: Deployment) -> list[Label]:
    return [LABEL.decode(message.value()) for message in everything(deployment, deployment.topics.labels)]


def test_each_call_has_its_label_and_its_records(deployment: Deployment, gateway: httpx2.Client) -> None:
    """What the surrogate can't answer comes back from a teacher over Kafka; audits are those of route."""
    asked = wishes(300)
    odd = {f"odd{number}": f"zzz qqq {number} 99" for number in range(20)}
    meant = answers(asked) | dict.fromkeys(odd, "refund")
    deployment.worker("learn")
    with GoldTeacher(deployment, meant), ThreadPoolExecutor(16) as pool:
        texts = {one.id: one.text or "" for one in asked} | odd
        replies = dict(zip(texts, pool.map(lambda one: ask(gateway, *one), texts.items()), strict=True))
    assert {reply.status_code for reply in replies.values()} == {200}
    labels = {number: LABEL.decode(reply.content) for number, reply in replies.items()}
    answered = {number for number, label in labels.items() if label.source == "surrogate"}
    assert len(answered) > 200
    assert {labels[number].source for number in odd} == {"teacher"}
    assert all(labels[number].label == meant[number] for number in texts)

    sampler = Sampler(deployment.settings.audit_key.get_secret_value().encode())
    drawn = {number for number in texts if sampler.selects(number, RATE)}
    assert {number for number in answered if labels[number].audited} == drawn & answered
    copies = [DEFERRAL.decode(one.value()) for one in everything(deployment, deployment.topics.audits)]
    assert {copy.request.id for copy in copies if copy.audit} == drawn & answered
    deferred = [DEFERRAL.decode(one.value()) for one in everything(deployment, deployment.topics.deferrals)]
    assert {one.request.id for one in deferred} == set(texts) - answered
    assert {one.request.id for one in deferred if one.sampled} == drawn - answered
    wait_until(lambda: len(decoded_labels(deployment)) == len(texts), 30, "a record of each label")
    assert {one.id: one.label for one in decoded_labels(deployment)} == meant

    def traced() -> set[str]:
        return {TRACE.decode(one.value()).id for one in everything(deployment, deployment.topics.traces)}

    wait_until(lambda: traced() == drawn | (set(texts) - answered), 30, "a trace of all that was asked")
    deployment.stop()


def test_a_late_label_outlives_its_call_and_its_gateway(
    deployment: Deployment, gateway: httpx2.Client
) -> None:
    late = ask(gateway, "late", "zzz qqq 99", timeout=0.2)
    assert (late.status_code, gateway.get(late.headers["location"]).status_code) == (504, 202)
    deployment.worker("learn")
    with GoldTeacher(deployment, {"late": "refund"}):
        wait_until(lambda: gateway.get(late.headers["location"]).status_code == 200, 30, "the late label")
    again = ask(gateway, "late", "zzz qqq 99")
    assert (again.json()["label"], again.headers["x-understudy-replayed"]) == ("refund", "true")
    with started(deployment) as other:
        assert other.get(late.headers["location"]).json()["label"] == "refund"
        assert ask(other, "late", "zzz qqq 99").json()["label"] == "refund"
    assert [one.id for one in decoded_labels(deployment)] == ["late"]
    deployment.stop()


def test_acknowledged_answers_survive_a_kill(deployment: Deployment) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=1.0)
    asked = wishes(200)
    given = set[str]()
    with started(deployment, UNDERSTUDY_GATEWAY__ACK="kafka") as client, ThreadPoolExecutor(8) as pool:
        gateway = deployment.workers[-1]

        def one(number: str, text: str) -> None:
            try:
                if ask(client, number, text).status_code == 200:
                    given.add(number)
            except httpx2.HTTPError:
                return
            if len(given) == 100:
                gateway.kill()

        list(pool.map(lambda each: one(each.id, each.text or ""), asked))
    assert 100 <= len(given) < 200
    assert given <= {one.id for one in decoded_labels(deployment)}
    copies = everything(deployment, deployment.topics.audits)
    assert given <= {DEFERRAL.decode(copy.value()).request.id for copy in copies}


def test_keys_open_and_close_a_gateway(deployment: Deployment) -> None:
    publish(deployment)
    with started(deployment, "--host", "0.0.0.0") as anywhere:  # noqa: S104

        def admitted() -> bool:
            return ask(anywhere, "a", "where is my parcel", timeout=0.1).status_code != 401

        assert not admitted()
        made = deployment.run("keys", "create", "app", "--task", TASK, "--json")
        key = json.loads(made.stdout)
        anywhere.headers["authorization"] = f"Bearer {key['key']}"
        wait_until(admitted, 30, "the key")
        listed = deployment.run("keys", "list", "--json").stdout
        assert json.loads(listed)["keys"][0]["id"] == key["id"]
        assert key["key"][-20:] not in listed
        assert deployment.run("keys", "revoke", key["id"]).returncode == 0
        assert deployment.run("keys", "revoke", key["id"]).returncode == 1
        wait_until(lambda: not admitted(), 30, "no key")
    assert key["key"] not in deployment.workers[-1].output()


def test_an_app_of_an_llm_changes_its_base_url_only(deployment: Deployment) -> None:
    """Its calls become traces; then the surrogate answers, and the app's own LLM checks what is drawn."""
    asked = wishes(120, "chat")
    labels = {"labels": list(LABELS), "model": "simulated"}
    with SimulatedTeacher(meant, LABELS, WELL) as llm:
        teacher = {**labels, "url": llm.url}
        rates = {"audit_rate": RATE, "audit_early": 0.0}
        deployment.configure(TASK, teacher=teacher, **rates)
        deployment.worker("learn", "teacher", "certify")
        worker = deployment.process("infra.cli", "gateway", "--port", "0", **PATIENT)
        worker.wait_for_text("the worker is ready")
        app = openai.OpenAI(base_url=f"{url_of(worker)}/v1", api_key="none", max_retries=0, timeout=60.0)

        def complete(request: Request) -> ChatCompletion:
            messages: Any = [
                {"role": "system", "content": "which?"},
                {"role": "user", "content": request.text},
            ]
            return app.chat.completions.create(model=f"understudy/{TASK}", messages=messages)

        with app, ThreadPoolExecutor(8) as pool:
            first = list(pool.map(complete, asked[:40]))
            assert {answer.model for answer in first} == {"simulated"}
            wait_until(lambda: len(traces(deployment)) == 40, 60, "a trace of each call")
            recorded = traces(deployment)
            assert {one.sampled for one in recorded} == {True}
            assert all(one.label == meant(one.text) for one in recorded)

            publish(deployment)
            deployment.configure(TASK, teacher=teacher, chat={"mode": "serve", "prompts": ["*"]}, **rates)
            worker.wait_for_text(f"policy installed: version={VERSION}")
            wait_until(lambda: complete(asked[0]).model != "simulated", 30, "an answer of the surrogate")
            answers = list(pool.map(complete, asked[40:]))
        assert [one.choices[0].message.content for one in answers] == [meant(one.text) for one in asked[40:]]
        served = [one for one in answers if one.model == f"understudy/{TASK}"]
        assert len(served) > 40

        def checks() -> list[Deferral]:
            """Those so far: the gateway does not wait for the broker to take them."""
            read = (DEFERRAL.decode(one.value()) for one in everything(deployment, deployment.topics.audits))
            return [check for check in read if check.audit]

        def checked() -> bool:
            audited = [one.id for one in traces(deployment) if one.audit]
            return sorted(audited) == sorted(check.request.id for check in checks()) != []

        wait_until(checked, 60, "one answer to each check")
        assert {check.asked_by for check in checks()} == {"gateway"}
        audits = [one for one in traces(deployment) if one.audit]
        assert {(one.teacher.model, one.teacher.prompt) for one in audits if one.teacher} == {
            (one.teacher.model, one.teacher.prompt) for one in recorded if one.teacher
        }
    deployment.stop()


def traces(deployment: Deployment) -> list[Trace]:
    return [TRACE.decode(one.value()) for one in everything(deployment, deployment.topics.traces)]


def test_both_ways_decide_alike(
    kafka: str, redis_url: str, tmp_path: Path, deployment: Deployment, gateway: httpx2.Client
) -> None:
    """The same ids over HTTP and over Kafka: the same labels, from the same source, with the same audits."""
    asked = [*wishes(200), *(Request(f"odd{number}", TASK, f"zzz qqq {number} 99") for number in range(20))]
    right = answers(asked[:200]) | {one.id: "refund" for one in asked[200:]}
    deployment.worker("learn")
    with GoldTeacher(deployment, right), ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda one: ask(gateway, one.id, one.text or ""), asked))
    over_http = [LABEL.decode(reply.content) for reply in replies]
    deployment.stop()

    folder = tmp_path / "other"
    folder.mkdir()
    with closing(Deployment(kafka, redis_url, folder)) as other:
        other.environment["UNDERSTUDY_AUDIT_KEY"] = deployment.settings.audit_key.get_secret_value()
        other.create_topics()
        publish(other)
        other.configure(TASK, audit_rate=RATE, audit_early=0.0, repeat_rate=0.0)
        other.worker("route", "learn").wait_for_text(f"policy installed: version={VERSION}")
        with GoldTeacher(other, right):
            other.send(asked)
            over_kafka = [
                LABEL.decode(one.value() or b"") for one in read_all(other, other.topics.labels, 220)
            ]
        other.stop()
    assert len(over_http) == len(over_kafka) == 220
    assert {decided(label) for label in over_http} == {decided(label) for label in over_kafka}
    assert {label.source for label in over_http} == {"surrogate", "teacher"}


def decided(label: Label) -> tuple[str, str | None, str, str, bool]:
    return label.id, label.label, label.source, label.reason, label.audited
