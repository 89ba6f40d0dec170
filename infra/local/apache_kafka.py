"""A real Apache Kafka of our own: one KRaft node on loopback.

By default it is gone with its data when we are: the system tests and the benchmarks run on that. With a home
that is kept, `understudy up --data` does. It takes 350 MB and some 5 s to start. Topics are not made
automatically, transactions and groups are the real thing, and the pause that a broker allows for the first
members of a group is switched off.
"""

from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.local.child import Child
from infra.local.kafka_home import KafkaHome, temporary_home
from infra.local.kafka_jars import java_and_jars
from infra.local.process_server import ProcessServer

_JVM: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
_START_SECONDS = 60.0
_RECOVERY_SECONDS = 600.0


class ApacheKafka(ProcessServer):
    """A broker that is running.

    Attributes:
        bootstrap_servers: `127.0.0.1:<port>`.
        pid: process id of the broker, for tests that pause or kill it.
    """

    def __init__(self, home: KafkaHome | None = None, jars: Path | None = None) -> None:
        """Format the storage, start the broker, wait until it answers a client.

        After a crash a kept storage is checked first, which takes as long as it is large.

        Args:
            home: None for a temporary one.
            jars: folder with Apache Kafka's jars; None for those in the user's cache.

        Raises:
            ProgramMissing: Java, or Maven on the first use, is not installed; says what to install.
            DownloadFailed: Maven could not fetch the jars.
            NotReady: the broker ended or did not answer within a minute, or ten where its storage is kept;
                carries what it printed.
        """
        program, classes = java_and_jars(jars)
        home = home or temporary_home()
        self.bootstrap_servers = f"127.0.0.1:{home.port}"
        java = [program, *_JVM, "-cp", f"{classes}/*"]
        command = [*java, "kafka.Kafka", str(home.prepare(java))]
        super().__init__(Child("Apache Kafka", command, home.folder, home.keeping))
        self._child.wait_until(self._answers, _RECOVERY_SECONDS if home.keeping else _START_SECONDS)

    def _answers(self) -> bool:
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            return bool(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return False
