"""Home of a local Apache Kafka: its folder, its ports, its properties, its formatted storage.

A home is temporary, or kept: then a broker finds there again what an earlier one has written.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.local.child import Keeping, free_port, fresh_directory
from infra.local.errors import NotReady, ProgramMissing

_CLUSTER: Final = "UnderstudyLocalKafka0A"
_INTERNAL_PARTITIONS: Final = 4
_FLUSH_MS: Final = 1000
_TEN_YEARS_IN_MINUTES: Final = 10 * 365 * 24 * 60


@dataclass(frozen=True, slots=True)
class KafkaHome:
    """Attributes:
    folder: for its storage and properties.
    port: of clients, on 127.0.0.1.
    controller_port: that the broker uses for itself. The storage remembers it.
    keeping: None where all of it is temporary.
    further: properties of the broker on top of ours.
    """

    folder: Path
    port: int
    controller_port: int
    keeping: Keeping | None = None
    further: Mapping[str, str] = field(default_factory=dict)

    @property
    def _storage(self) -> Path:
        return self.folder / "data"

    def prepare(self, java: Sequence[str]) -> Path:
        """Write the properties, and format the storage where none is there; the file of properties.

        Raises:
            ProgramMissing: this Java is too old.
            NotReady: the storage can't be formatted; carries what the tool printed.
        """
        if not self._storage.is_dir():
            # Under another name first: a storage that is half formatted must not pass for one.
            fresh = self.folder / "formatting"
            shutil.rmtree(fresh, ignore_errors=True)
            self._format(java, self._write("format.properties", fresh))
            fresh.rename(self._storage)
        return self._write("server.properties", self._storage)

    def _format(self, java: Sequence[str], settings: Path) -> None:
        tool = [
            *java,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            _CLUSTER,
            "-c",
            str(settings),
            "--standalone",
        ]
        result = subprocess.run(tool, capture_output=True, text=True, check=False)
        if not result.returncode:
            return
        if self.keeping is None:
            shutil.rmtree(self.folder)
        if "UnsupportedClassVersionError" in result.stderr:
            raise ProgramMissing("The `java` on the PATH is too old: Apache Kafka needs Java 17 or later.")
        raise NotReady(f"Apache Kafka could not format its storage:\n{result.stdout}{result.stderr}")

    def _write(self, name: str, storage: Path) -> Path:
        properties = {
            **self._properties(),
            "log.dirs": storage,
            **(_KEPT if self.keeping else {}),
            **self.further,
        }
        file = self.folder / name
        file.write_text("\n".join(f"{key}={value}" for key, value in properties.items()))
        return file

    def _properties(self) -> Mapping[str, object]:
        broker, controller = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{broker}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.bootstrap.servers": controller,
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


# There is no second copy, so what a power cut can take is bounded. Offsets must outlive the messages that
# they belong to: a machine that was off for a week would read requests again that have their labels.
_KEPT: Final = {
    "log.flush.interval.ms": _FLUSH_MS,
    "log.flush.scheduler.interval.ms": _FLUSH_MS,
    "offsets.retention.minutes": _TEN_YEARS_IN_MINUTES,
}


def temporary_home() -> KafkaHome:
    """A new folder and free ports; what runs there removes the folder."""
    return KafkaHome(fresh_directory("kafka"), free_port(), free_port())
