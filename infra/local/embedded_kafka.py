"""A Kafka broker inside this process, for the demo and for development: librdkafka's own mock cluster.

Any Kafka client on this machine can connect to it. What it is not, measured with librdkafka 2.16:

- Everything is in memory and ends with the process. Each partition keeps its newest 5 MiB of batches and
  forgets the rest: 5,040 messages of 1 kB, or 2,300 that carry a 384-d vector.
- Topics come into being when a client first asks for their metadata, with 4 partitions. CreateTopics is
  not answered (an admin client times out), nothing is compacted, offsets can't be found by time.
- Transactions are accepted but not isolated: `read_committed` sees open and aborted ones. So it is
  at-least-once, whatever a client asks for.
- The first member of a classic consumer group waits 3 s, and every later join or leave takes the group
  `session.timeout.ms` minus 1 s. With `group.protocol=consumer` (KIP-848, see `CLIENT_SETTINGS`) the first
  member has its partitions after 0.05 s, and a member that comes or goes takes 1 to 3 s.
- No TLS, no SASL: loopback only.
"""

from typing import Final

from confluent_kafka import KafkaException, Producer

from infra.local.errors import NotReady
from infra.local.server import LocalServer

PARTITIONS: Final = 4
"""Partitions of every topic; fixed by the mock cluster."""

CLIENT_SETTINGS: Final[dict[str, str]] = {"group.protocol": "consumer"}
"""Consumer options that make groups quick here.

librdkafka refuses them together with `session.timeout.ms`, `heartbeat.interval.ms` or
`partition.assignment.strategy`: those belong to the classic protocol.
"""

_START_SECONDS = 5.0


class EmbeddedKafka(LocalServer):
    """A broker that is running. Stop the clients first: those left over log that it has gone.

    Attributes:
        bootstrap_servers: `127.0.0.1:<port>`, a free port.
    """

    def __init__(self) -> None:
        """Start the broker.

        Raises:
            NotReady: it did not answer.
        """
        self._owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        try:
            brokers = self._owner.list_topics(timeout=_START_SECONDS).brokers
        except KafkaException as problem:
            self._owner.close()
            raise NotReady(f"librdkafka's in-process broker did not answer: {problem}") from problem
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())

    def stop(self) -> None:
        """End the broker; every message is gone. A second call does nothing."""
        self._owner.close()
