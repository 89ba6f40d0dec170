"""`understudy up` without settings: an embedded Kafka and Redis, to look around."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from confluent_kafka import Producer

from schemas.codec import REQUEST
from schemas.messages import Request
from tests.system.deployment import wait_until
from tests.system.wishes import meant, wishes


class Up:
    """A running `understudy up`, and commands in other terminals."""

    def __init__(self, folder: Path) -> None:
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")
        } | {"UNDERSTUDY_DATA": str(folder)}
        self.folder = folder
        self._log = folder / "up.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.cli", "up"], env=self._environment, stdout=log, stderr=log
            )
        wait_until(lambda: "is ready" in self.log or self.process.poll() is not None, 60, "up is ready")
        assert self.process.poll() is None, self.log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def address(self, server: str) -> str:
        found = re.search(rf"^{server}: (\S+) \(embedded", self.log, re.MULTILINE)
        assert found, self.log
        return found[1]

    def start(self, *words: str, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "infra.cli", *words],
                env=self._environment,
                stdout=output,
                stderr=output,
            )

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "infra.cli", *words],
            env=self._environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def lines(self, *words: str) -> list[dict[str, object]]:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("up"))
    try:
        yield running
        assert_ended(running, signal.SIGTERM)
    finally:
        running.process.kill()
        running.process.wait()


def test_ask_finds_up_and_names_a_missing_teacher(up: Up) -> None:
    asked = up.run("ask", "where is my parcel?", "--json")
    label = json.loads(asked.stdout)
    assert asked.returncode == 1
    assert (label["label"], label["source"], label["reason"]) == (None, "error", "no_policy")
    assert "teacher.url" in label["error"]


def test_it_answers_over_http_too(up: Up) -> None:
    found = re.search(r"gateway listens: (\S+)", up.log)
    assert found, up.log
    answer = httpx2.post(f"{found[1]}/v1/classify", json={"task": "any", "text": "where is it?"}, timeout=60)
    problem = answer.json()
    assert (answer.status_code, problem["label"]["reason"]) == (502, "no_policy")
    assert "teacher.url" in problem["detail"]


def test_requests_come_back_as_labels(up: Up) -> None:
    """From a file, and from any Kafka client."""
    sent = up.run("produce", "-", "--task", "any", text='{"id": "by-file", "text": "one"}\n{"text": "two"}\n')
    assert sent.returncode == 0, sent.stderr
    assert "all topics are there" in up.run("topics", "create").stderr
    topics = {topic["name"] for topic in up.lines("topics", "describe")}
    plain = Producer({"bootstrap.servers": up.address("Kafka")})
    plain.produce("understudy.requests", REQUEST.encode(Request(id="by-client", task="any", text="three")))
    assert plain.flush(10) == 0

    def have_come() -> bool:
        found = up.lines("consume", "labels", "--from-start", "--no-follow")
        return {"by-file", "by-client"} <= {label["id"] for label in found}

    wait_until(have_come, 60, "both labels")
    assert "understudy.requests" in topics


def test_a_bad_line_of_a_pipe_is_named(up: Up) -> None:
    sent = up.run("produce", "-", text='{"text": "fine"}\n{"text": 5}\n')
    assert sent.returncode == 2
    assert "line 2" in sent.stderr
    assert "`$.text`" in sent.stderr


def test_config_set_refuses_a_bad_field(up: Up) -> None:
    assert up.run("config", "set", "shop", "target_agreement=0.9", "teacher.model=small").returncode == 0
    assert (
        up.run("config", "set", "shop", "audit_rate=0.1", "teacher.url=http://127.0.0.1:9/v1").returncode == 0
    )
    [config] = up.lines("config", "get", "shop")
    assert (config["target_agreement"], config["audit_rate"]) == (0.9, 0.1)
    assert config["teacher"]["model"] == "small"  # type: ignore[index]
    refused = up.run("config", "set", "shop", "delta=2", "speed=9")
    assert refused.returncode == 2
    assert "`delta`" in refused.stderr
    assert "`speed`" in refused.stderr
    assert up.lines("status", "--json")[0]["tasks"] == []


def test_a_second_worker_shares_the_broker(up: Up, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with up.start("worker", "route", log=log) as worker:
        try:
            wait_until(lambda: "assigned: role=route partitions=" in log.read_text(), 60, "a share")
            for number in range(6):
                asked = up.run("ask", "where is my parcel?", "--task", f"shared-{number}", "--json")
                assert json.loads(asked.stdout)["source"] == "error"
            labels = up.lines("consume", "labels", "--from-start", "--no-follow")
        finally:
            worker.terminate()
    shared = [str(label["id"]) for label in labels if str(label["task"]).startswith("shared-")]
    assert len(shared) == len(set(shared)) == 6, "each has one label"


def test_a_seeded_task_answers_its_first_request(up: Up, tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    rows = [{"text": request.text, "label": meant(request.text)} for request in wishes(600)]
    calls.write_text("\n".join(map(json.dumps, rows)))
    [seeded] = up.lines("seed", str(calls), "--task", "warm", "--uniform-sample", "--as-of", "now", "--json")
    assert (seeded["written"], seeded["sampled"]) == (600, 600)
    wait_until(lambda: "policy installed: version=v1 task=warm" in up.log, 120, "the policy is installed")
    [fresh] = wishes(1, "fresh")
    asked = up.run("ask", fresh.text or "", "--task", "warm", "--json")
    label = json.loads(asked.stdout)
    assert (label["label"], label["source"], label["policy"]) == (meant(fresh.text), "surrogate", "v1"), label


def test_up_stops_its_servers_when_it_ends(tmp_path: Path) -> None:
    assert_ended(Up(tmp_path), signal.SIGINT)


def assert_ended(up: Up, by: signal.Signals) -> None:
    """It ends when asked to, with status 0, and its Redis no longer listens."""
    port = int(up.address("Redis").rsplit(":", 1)[1].split("/")[0])
    up.process.send_signal(by)
    assert up.process.wait(60) == 0, up.log
    assert "Traceback" not in up.log
    assert not list(up.folder.glob("*.embedded.json"))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
