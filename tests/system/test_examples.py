"""The clients in `infra/examples` get the labels of what they send, whoever answers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from infra.harness.teacher import OutsideTeacher
from infra.local.kafka_jars import java_and_jars
from schemas.codec import LABEL
from schemas.messages import Reply
from tests.system.deployment import Deployment
from tests.system.gold import GOLD
from tests.system.topics import Inbox, decoded
from tests.system.wishes import LABELS, TASK, VERSION, meant, publish, wishes

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "infra" / "examples"
Command = Callable[[Path], Sequence[str]]


def python(_: Path) -> Sequence[str]:
    return [sys.executable, str(EXAMPLES / "client.py")]


def node(folder: Path) -> Sequence[str]:
    """Beside its packages, which `make node` installs, or those of `UNDERSTUDY_TEST_NODE`."""
    packages = Path(os.environ.get("UNDERSTUDY_TEST_NODE") or ROOT / ".node").absolute() / "node_modules"
    if shutil.which("node") is None or not (packages / "kafkajs").is_dir():
        pytest.skip(f"no node on the PATH, or no kafkajs in {packages}: `make node` installs it")
    (folder / "node_modules").symlink_to(packages)
    return ["node", str(shutil.copy(EXAMPLES / "client.mjs", folder))]


def java(_: Path) -> Sequence[str]:
    """With the jars of Apache Kafka; only a JDK runs a source file."""
    if shutil.which("javac") is None:
        pytest.skip("no javac on the PATH: a JRE runs no source file")
    program, jars = java_and_jars()
    return [program, "-cp", f"{jars}/*", str(EXAMPLES / "Client.java")]


@pytest.mark.parametrize("command", [python, node, java], ids=["python", "node", "java"])
def test_a_client_gets_its_labels(deployment: Deployment, tmp_path: Path, command: Command) -> None:
    words = command(tmp_path)
    publish(deployment)
    deployment.configure(TASK, teacher={"labels": list(LABELS)}, audit_rate=0.0, audit_early=0.0)
    deployment.worker("route", "learn").wait_for_text(f"policy installed: version={VERSION}")
    texts = [
        *dict.fromkeys(request.text for request in wishes(30, "example")),
        "zebra quartz: give me a refund now",
    ]
    said = {text: meant(text) for text in texts}
    teacher = OutsideTeacher(deployment, lambda asked: Reply(asked, said[asked.request.text or ""], GOLD))
    with teacher, Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels:
        done = subprocess.run(
            [*words, deployment.kafka, deployment.prefix, TASK, *texts],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        sent = labels.wait_for(len(texts))
    lines = (line.partition("\t") for line in done.stdout.splitlines())
    answers = {text: label for label, _, text in lines}
    assert answers == said
    assert {label.source for label in sent} >= {"surrogate"}
    deployment.stop()
