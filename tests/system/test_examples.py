"""The clients in `infra/examples` get the labels of what they send, whoever answers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.harness.teacher import OutsideTeacher
from infra.local.kafka_jars import java_and_jars
from schemas.codec import LABEL
from schemas.messages import Reply
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GOLD
from tests.system.topics import Inbox, decoded
from tests.system.wishes import LABELS, TASK, VERSION, meant, publish, wishes

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "infra" / "examples"


def python(client: Path) -> Sequence[str]:
    return [sys.executable, str(client)]


def node(client: Path) -> Sequence[str]:
    """Beside its packages, which `make node` installs, or those of `UNDERSTUDY_TEST_NODE`."""
    packages = Path(os.environ.get("UNDERSTUDY_TEST_NODE") or ROOT / ".node").absolute() / "node_modules"
    if shutil.which("node") is None or not (packages / "kafkajs").is_dir():
        pytest.skip(f"no node on the PATH, or no kafkajs in {packages}: `make node` installs it")
    (client.parent / "node_modules").symlink_to(packages)
    return ["node", str(client)]


def java(client: Path) -> Sequence[str]:
    """With the jars of Apache Kafka; only a JDK runs a source file."""
    if shutil.which("javac") is None:
        pytest.skip("no javac on the PATH: a JRE runs no source file")
    program, jars = java_and_jars()
    return [program, "-cp", f"{jars}/*", str(client)]


COMMANDS = {"client.py": python, "client.mjs": node, "Client.java": java}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_client_gets_its_labels(deployment: Deployment, tmp_path: Path, name: str) -> None:
    words = COMMANDS[name](Path(shutil.copy(EXAMPLES / name, tmp_path)))
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
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        sent = labels.wait_for(len(texts))
    lines = (line.partition("\t") for line in done.stdout.splitlines())
    answers = {text: label for label, _, text in lines}
    assert answers == said
    assert {label.source for label in sent} >= {"surrogate"}
    deployment.stop()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_client_does_not_wait_for_ever(deployment: Deployment, tmp_path: Path, name: str) -> None:
    """Nobody routes here, so no label comes."""
    impatient = tmp_path / name
    program = (EXAMPLES / name).read_text()
    assert program.count("LONGEST_WAIT = 60") == 1
    impatient.write_text(program.replace("LONGEST_WAIT = 60", "LONGEST_WAIT = 3"))
    wait_until(lambda: has_leaders(deployment, deployment.topics.labels), 30, "leaders of the new topic")
    done = subprocess.run(
        [*COMMANDS[name](impatient), deployment.kafka, deployment.prefix, TASK, "where is my parcel"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert "no label within 3 s of the last:" in done.stderr
    assert "where is my parcel" in done.stderr
    assert "understudy dead-letters list" in done.stderr


def has_leaders(deployment: Deployment, topic: str) -> bool:
    consumer = Consumer({"bootstrap.servers": deployment.kafka, "group.id": "leaders"})
    try:
        for number in consumer.list_topics(topic, 10).topics[topic].partitions:
            consumer.get_watermark_offsets(TopicPartition(topic, number), 10)
    except KafkaException:
        return False
    finally:
        consumer.close()
    return True
