"""A real Apache Kafka of our own: one KRaft node on loopback, gone with its data when we are.

It is what the system tests and the benchmarks run on. It takes 350 MB and some 5 s to start. Topics are
not made automatically, transactions and groups are the real thing, and the pause that a broker allows
for the first members of a group is switched off.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.local.child import Child, free_port, fresh_directory
from infra.local.errors import NotReady, ProgramMissing
from infra.local.kafka_jars import kafka_jars, program
from infra.local.server import LocalServer

_CLUSTER: Final = "UnderstudyLocalKafka0A"
_JVM: Final = ("-Xmx512m", "-XX:+UseSerialGC")
_START_SECONDS = 60.0
_INTERNAL_PARTITIONS: Final = 4


class ApacheKafka(LocalServer):
    """A broker that is running.

    Attributes:
        bootstrap_servers: `127.0.0.1:<port>`.
        pid: process id of the broker, for tests that pause or kill it.
    """

    def __init__(self) -> None:
        """Format the storage, start the broker, wait until it answers a client.

        Raises:
            ProgramMissing: Java, or Maven on the first use, is not installed; says what to install.
            DownloadFailed: Maven could not fetch the jars.
            NotReady: the broker ended or did not answer within a minute; carries what it printed.
        """
        port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{port}"
        java = [program("java"), *_JVM, "-cp", f"{kafka_jars()}/*"]
        directory = fresh_directory("kafka")
        settings = directory / "server.properties"
        settings.write_text(
            "\n".join(f"{key}={value}" for key, value in _properties(port, directory).items())
        )
        _format([*java, "kafka.tools.StorageTool"], settings)
        self._child = Child("Apache Kafka", [*java, "kafka.Kafka", str(settings)], directory)
        self.pid = self._child.pid
        self._child.wait_until(self._answers, _START_SECONDS)

    def _answers(self) -> bool:
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            return bool(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def stop(self) -> None:
        """End the broker and remove its data."""
        self._child.stop()


def _format(tool: list[str], settings: Path) -> None:
    command = [*tool, "format", "-t", _CLUSTER, "-c", str(settings), "--standalone"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        shutil.rmtree(settings.parent)
        if "UnsupportedClassVersionError" in result.stderr:
            raise ProgramMissing("The `java` on the PATH is too old: Apache Kafka needs Java 17 or later.")
        raise NotReady(f"Apache Kafka could not format its storage:\n{result.stdout}{result.stderr}")


def _properties(port: int, directory: Path) -> dict[str, object]:
    controller = free_port()
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "log.dirs": directory / "data",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        **{
            f"{topic}.{key}": value
            for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
            for key, value in (("replication.factor", 1), ("num.partitions", _INTERNAL_PARTITIONS))
        },
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.min.isr": 1,
    }
