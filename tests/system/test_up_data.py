"""`understudy up --data DIR` goes on where it was after kill -9 of all that it runs."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.waiting import wait_until
from infra.local.child import free_port
from infra.local.data_folder import DataFolder
from infra.local.errors import AlreadyRunning, ProgramMissing
from infra.local.kafka_jars import java_and_jars
from schemas.codec import LABEL
from streams.kafka.topic_admin import TopicIds
from tests.system.deployment import Deployment
from tests.system.topics import Inbox, committed, decoded
from tests.system.versions import live
from tests.system.wishes import LABELS, TASK, meant, publish, wishes

HALF = 300
_TEACHER = {"model": "simulated", "labels": LABELS, "concurrency": 4}
_ASKED = "asked"
"""Task without a policy: the teacher answers all of it."""


class Up:
    """`understudy up --data` in a process group of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.data = folder / "data"
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")
        } | {"UNDERSTUDY_DATA": str(folder / "notes"), "UNDERSTUDY_GATEWAY__PORT": "0"}
        self._log = folder / f"up-{len(list(folder.glob('up-*')))}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "infra.cli", "up", "--data", str(self.data), *options],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: "is ready" in self.log or self.process.poll() is not None, 120, "up is ready")
        assert self.process.poll() is None, self.log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def address(self, server: str) -> str:
        found = re.search(rf"^{server}: (\S+) \(kept in {self.data}\)", self.log, re.MULTILINE)
        assert found, self.log
        return found[1]

    def kill_all(self) -> None:
        """End workers, broker and Redis as kill -9 does, and what would tidy up after them."""
        with Redis.from_url(self.address("Redis")) as client:
            servers = [int(client.info("server")["process_id"]), *_processes_naming(str(self.data / "kafka"))]
        os.killpg(self.process.pid, signal.SIGKILL)
        for server in servers:
            os.kill(server, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module", autouse=True)
def _java() -> None:
    try:
        java_and_jars()
    except ProgramMissing as problem:
        pytest.skip(str(problem))


@pytest.fixture
def teacher() -> Iterator[SimulatedTeacher]:
    behaviour = TeacherBehaviour(latency=0.05, wrong=0.0, throttled=0.0, failing=0.0)
    with SimulatedTeacher(meant, LABELS, behaviour) as running:
        yield running


@pytest.mark.skipif(sys.platform != "linux", reason="finding the processes to kill needs /proc")
def test_nothing_is_lost_or_doubled_after_kill_9_of_everything(
    tmp_path: Path, teacher: SimulatedTeacher
) -> None:
    up = Up(tmp_path, "--kafka-port", str(free_port()), "--redis-port", str(free_port()))
    kafka, redis = up.address("Kafka"), up.address("Redis")
    with closing(Deployment(kafka, redis, tmp_path, "understudy")) as deployment:
        try:
            for task in (TASK, _ASKED):
                deployment.configure(task, teacher={**_TEACHER, "url": teacher.url})
            publish(deployment)
            wait_until(lambda: "policy installed: version=v1" in up.log, 60, "the policy is installed")
            topics = topic_ids(deployment)
            requests = [*wishes(HALF), *wishes(HALF, "a", _ASKED)]
            deployment.send(requests[::2])
            with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
                labels.wait_for(HALF // 2 + 20)
            offset = committed_sum(deployment)
            up.kill_all()
            up = Up(tmp_path)
            assert (up.address("Kafka"), up.address("Redis")) == (kafka, redis)
            assert topic_ids(deployment) == topics
            assert committed_sum(deployment) >= offset > 0
            assert live(deployment) == "v1"
            deployment.send(requests[1::2])
            with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
                labels.wait_for(2 * HALF)
                wait_until(lambda: all_committed(deployment), 60, "everything has been read")
                found = labels.collect()
            assert {label.source for label in found} == {"surrogate", "teacher"}
            assert sorted(label.id for label in found) == sorted(request.id for request in requests)
            with pytest.raises(AlreadyRunning, match=f"in use by process {up.process.pid}"):
                DataFolder(up.data)
            up.process.send_signal(signal.SIGTERM)
            assert up.process.wait(90) == 0, up.log
        finally:
            up.process.kill()
            up.process.wait()
    with DataFolder(up.data) as folder:
        assert f"127.0.0.1:{folder.marker.kafka_port}" == kafka


def topic_ids(deployment: Deployment) -> dict[str, str]:
    ids = TopicIds(deployment.settings)
    return {topic: ids.of(topic) for topic in deployment.topics.all()}


def committed_sum(deployment: Deployment) -> int:
    topic = deployment.topics.requests
    return sum(max(0, committed(deployment, "route", topic, partition)) for partition in range(4))


def all_committed(deployment: Deployment) -> bool:
    """Each request is one message; only outputs hold marks of transactions."""
    return committed_sum(deployment) == 2 * HALF


def _processes_naming(text: str) -> list[int]:
    """Processes with this text in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if text in (folder / "cmdline").read_text(errors="replace"):
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found
