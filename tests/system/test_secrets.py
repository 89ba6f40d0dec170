"""The whole loop with marked secrets: none of its outputs holds one, nor a piece of one.

Kafka and Redis ask for passwords, the LLM for a key that its errors repeat, the gateway for keys of its own.
Looked through are logs, topics, Redis, files, pages, metrics, replies to apps and what commands print; the
commands run without the LLM's key, so what they print must have been masked by those who wrote it.
"""

import json
import secrets
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from redis import Redis

from infra.local.errors import LocalServerError
from schemas.codec import LABEL
from tests.conftest import _unavailable
from tests.system.deployment import Deployment
from tests.system.echoing_llm import ECHOES, EchoingLlm, echoing_llm
from tests.system.secured import secured_deployment
from tests.system.test_dashboard import told
from tests.system.test_gateway import url_of
from tests.system.test_metrics import url_of as metrics_of
from tests.system.topics import Inbox, decoded, everything
from tests.system.wishes import LABELS, TASK, meant, wishes

ROLES = ("route", "teacher", "learn", "certify", "trainer")
KEY_VARIABLE = "MARKED_LLM_KEY"
TAUGHT, ASKED = 400, 60
PIECE = 12
"""Characters; a piece of a secret as long as this is one too."""
PASSWORDS = ("kafka", "redis", "llm", "audit", "url", "own")
CONSUMED = ("labels", "replies", "config", "events", "dead-letters")
LISTINGS = (
    *(("status",), ("status", "--json"), ("doctor",), ("doctor", "--json"), ("tasks", "list")),
    *(("certificate", TASK), ("policies", "list", TASK), ("battery", "list", TASK), ("keys", "list")),
    *(("keys", "list", "--json"), ("dead-letters", "list"), ("tasks", "proposed"), ("topics", "describe")),
    *(("config", "get"), *(("config", "get", task) for task in (TASK, "page"))),
)


@dataclass(repr=False)
class Stage:
    """A deployment with its secrets by name, and all that was put out by place."""

    deployment: Deployment
    secrets: dict[str, str]
    outputs: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, place: str, output: str | bytes | None) -> None:
        raw = output.encode() if isinstance(output, str) else output or b""
        self.outputs.setdefault(place, []).append(raw)

    def run(self, *arguments: str) -> str:
        """What a command prints, which an operator runs who has not the LLM's key."""
        environment = self.deployment.environment
        self.deployment.environment = {**environment, KEY_VARIABLE: ""}
        done = self.deployment.run(*arguments)
        self.deployment.environment = environment
        self.add(f"$ {' '.join(arguments)}", done.stdout + done.stderr)
        return done.stdout

    def leaks(self) -> set[tuple[str, str]]:
        """Which secret stands where, whole or in pieces."""
        return {
            (name, place)
            for name, secret in self.secrets.items()
            for place, outputs in self.outputs.items()
            if any(form in output for form in _forms(secret) for output in outputs)
        }

    def places(self, text: str) -> set[str]:
        return {
            place for place, outputs in self.outputs.items() if any(text.encode() in one for one in outputs)
        }


def _forms(secret: str) -> list[bytes]:
    """The secret's two ends, which every form of it holds, and what base64 makes of it."""
    coded = [b64encode(before + secret.encode())[4:-4] for before in (b"", b"-", b"--", b":")]
    return [secret[:PIECE].encode(), secret[-PIECE:].encode(), quote(secret, safe="").encode(), *coded]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = {name: secrets.token_hex(24) for name in PASSWORDS}
    try:
        with secured_deployment(tmp_path, made["kafka"], made["redis"]) as deployment:
            deployment.environment |= {
                "UNDERSTUDY_KEY_ENV": KEY_VARIABLE,
                "UNDERSTUDY_AUDIT_KEY": made["audit"],
                "UNDERSTUDY_METRICS__PORT": "0",
                KEY_VARIABLE: made["llm"],
            }
            yield Stage(deployment, made)
    except LocalServerError as problem:
        _unavailable(problem)


def test_no_output_of_the_loop_holds_a_secret(stage: Stage) -> None:
    deployment, tmp_path = stage.deployment, stage.deployment.folder
    stage.run("topics", "create")
    with echoing_llm(_answer) as llm:
        _configure(stage, llm)
        token = json.loads(stage.run("keys", "create", "app", "--json"))["key"]
        stage.secrets["app"] = token[len("us_01234567_") :]
        worker = deployment.worker(*ROLES, UNDERSTUDY_LOG__FORMAT="json")
        with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
            # The calls that fail come first: behind the others they might be given up before they are made.
            deployment.send(one for task in ECHOES for one in wishes(3, task, task))
            labels.wait_for(3 * len(ECHOES), 120)
            deployment.send(wishes(TAUGHT, "taught"))
            labels.wait_for(3 * len(ECHOES) + TAUGHT, 120)
        errors = [label for label in labels.all if label.source == "error"]
        assert {label.task for label in errors} == set(ECHOES)
        assert {label.task for label in errors if "***" in (label.error or "")} >= {"refused", "rejected"}
        worker.wait_for_text("policy installed: version=", 120)
        gateway = deployment.process("infra.cli", "gateway", "--port", "0")
        gateway.wait_for_text("the worker is ready")
        gateway.wait_for_text("policy installed: version=", 60)
        _ask(stage, url_of(gateway), token)
        _look(stage, url_of(gateway), token, metrics_of(worker), metrics_of(gateway))
        for listing in LISTINGS:
            stage.run(*listing)
        stage.run("audit-pack", "write", TASK, "--out", str(tmp_path / "pack.zip"))
        stage.run("audit-pack", "verify", str(tmp_path / "pack.zip"))
        for topic in CONSUMED:
            stage.run("consume", topic, "--from-start", "--no-follow")
        deployment.stop()
        heard = "".join(llm.heard)
    _gather(stage)
    assert stage.places("order 1234") >= {deployment.topics.requests, deployment.topics.traces}
    assert stage.secrets["llm"] in heard
    assert stage.secrets["own"] in heard
    assert {name for name, secret in stage.secrets.items() if secret in heard} == {"llm", "own"}
    may = {
        ("url", deployment.topics.config),
        ("url", "file in config"),
        ("app", "$ keys create app --json"),
        ("own", "reply to its own key"),
    }
    assert stage.leaks() - may == set()


def _answer(text: str) -> str:
    return "refund" if "zzz" in text else meant(text)


def _configure(stage: Stage, llm: EchoingLlm) -> None:
    """A task that is taught, and one for each way of repeating a key; one URL holds a password."""
    shared = (f"teacher.key_env={KEY_VARIABLE}", f"teacher.labels={','.join(LABELS)}")
    stage.run("config", "set", "*", *shared, "refit.quiet=0.1", "audit_rate=0.5")
    stage.run("config", "set", TASK, f"teacher.url={llm.url}", "teacher.model=m", "chat.mode=serve")
    for task in ECHOES:
        teaching = (f"teacher.url={llm.url}", f"teacher.model={task}", "teacher.give_up_after=20")
        stage.run("config", "set", task, *teaching)
    url = llm.url.replace("//", f"//me:{stage.secrets['url']}@")
    stage.run("config", "set", "page", f"teacher.url={url}", "teacher.model=page")


def _ask(stage: Stage, url: str, token: str) -> None:
    """Calls of apps: with a key of the gateway, with none, with a wrong one, and with their own LLM key."""
    keyed, own = {"x-understudy-key": token}, {"authorization": f"Bearer {stage.secrets['own']}"}
    with httpx2.Client(base_url=url, timeout=30.0) as app:
        for one in wishes(ASKED, "asked"):
            body = {"task": TASK, "id": one.id, "text": one.text}
            stage.add("reply to classify", app.post("/v1/classify", json=body, headers=keyed).text)
        for task in (TASK, *ECHOES):
            for text in ("where is my parcel", "zzz qqq 99"):
                messages = [{"role": "user", "content": text}]
                call: Any = {"model": f"understudy/{task}", "messages": messages}
                _add_reply(stage, "reply to chat", app.post("/v1/chat/completions", json=call, headers=keyed))
                answer = app.post("/v1/chat/completions", json=call, headers={**keyed, **own})
                _add_reply(stage, "reply to its own key", answer)
        for headers in ({}, own, {"x-understudy-key": token[:-1]}, {"authorization": f"Bearer {token}x"}):
            answer = app.post("/v1/classify", json={"task": TASK, "text": "hello"}, headers=headers)
            assert answer.status_code == 401
            _add_reply(stage, "reply to a stranger", answer)
        _add_reply(stage, "reply to nonsense", app.post("/v1/classify", content=token, headers=keyed))


def _add_reply(stage: Stage, place: str, answer: httpx2.Response) -> None:
    stage.add(place, answer.content)
    stage.add(place, str(answer.headers.multi_items()))


def _look(stage: Stage, url: str, token: str, *metrics: str) -> None:
    """What is shown of the gateway and of the processes."""
    with httpx2.Client(base_url=url, timeout=30.0, headers={"x-understudy-key": token}) as client:
        for path in ("/dashboard", "/openapi.json", "/docs"):
            _add_reply(stage, path, client.get(path))
        stage.add("/dashboard/stream", json.dumps(next(told(client, "/dashboard/stream"))))
        for task in (TASK, *ECHOES):
            stage.add("/dashboard/stream/TASK", json.dumps(next(told(client, f"/dashboard/stream/{task}"))))
    for each in metrics:
        for path in ("/metrics", "/health/live", "/health/ready"):
            answer = httpx2.get(each + path)
            assert answer.content, path
            _add_reply(stage, path, answer)


def _gather(stage: Stage) -> None:
    """What topics, Redis, logs and files hold."""
    deployment = stage.deployment
    for topic in deployment.topics.all():
        for message in everything(deployment, topic):
            stage.add(topic, message.key())
            stage.add(topic, message.value())
            stage.add(topic, repr(message.headers()))
    with Redis.from_url(deployment.redis) as redis:
        for key in redis.scan_iter(f"{deployment.prefix}:*"):
            stage.add("Redis", key)
            stage.add("Redis", _content(redis, key))
    for worker in deployment.workers:
        stage.add(f"log {worker.log.name}", worker.output())
    with zipfile.ZipFile(deployment.folder / "pack.zip") as pack:
        for name in pack.namelist():
            stage.add(f"pack {name}", pack.read(name))
    for file in (deployment.folder / "data").rglob("*"):
        if file.is_file():
            stage.add(f"file in {file.parent.name}", file.read_bytes())


def _content(redis: Any, key: bytes) -> bytes:
    match redis.type(key):
        case b"string":
            return bytes(redis.get(key) or b"")
        case b"hash":
            return b"\n".join(part for pair in redis.hgetall(key).items() for part in pair)
        case b"list":
            return b"\n".join(redis.lrange(key, 0, -1))
        case b"set":
            return b"\n".join(redis.smembers(key))
        case b"zset":
            return b"\n".join(redis.zrange(key, 0, -1))
        case b"stream":
            return repr(redis.xrange(key)).encode()
        case other:
            raise AssertionError(f"{key!r} is a {other!r}, which this test can't read")
