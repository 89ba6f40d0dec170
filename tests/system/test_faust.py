"""Faust's own command runs a worker too."""

import socket
import subprocess
import sys
from pathlib import Path

from infra.harness.worker import Worker
from schemas.codec import LABEL
from tests.system.deployment import Deployment, wait_until
from tests.system.topics import Inbox, decoded
from tests.system.wishes import publish, wishes


def test_faust_runs_the_roles_without_a_web_server(deployment: Deployment) -> None:
    publish(deployment)
    log = deployment.folder / "faust.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("faust")), "-A", "streams.app", "worker", "-l", "info"],
            env=deployment.variables() | {"UNDERSTUDY_ROLES": "route"},
            stdout=written,
            stderr=written,
        )
    worker = Worker(process, log)
    deployment.workers.append(worker)
    deployment.send(wishes(50))
    with Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
        wait_until(lambda: bool(labels.collect()) or process.poll() is not None, 60, f"a label, see {log}")
    assert process.poll() is None, worker.output()
    assert {label.source for label in labels.all} == {"surrogate"}
    with socket.socket() as web:
        assert web.connect_ex(("127.0.0.1", 6066)) != 0
    assert worker.stop() == 0, worker.output()
