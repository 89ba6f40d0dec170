"""A deployment as tests need it: with commands that are run on it, and requests put on its topic at once."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message, Producer

from infra.harness.deployment import Deployment as Deployed
from infra.harness.deployment import fresh_prefix, messages
from infra.harness.waiting import wait_until
from schemas.codec import REQUEST
from schemas.messages import Request


@dataclass
class Deployment(Deployed):
    prefix: str = field(default_factory=lambda: fresh_prefix("test"))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `understudy` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def produce(self, producer: Producer, request: Request, *, partition: int = -1) -> None:
        """Hand a request to the producer, keyed by its id."""
        producer.produce(
            self.topics.requests, REQUEST.encode(request), request.id.encode(), partition=partition
        )

    def send(self, requests: Iterable[Request]) -> None:
        """Put requests on their topic; they are there on return."""
        producer = self.producer()
        for request in requests:
            self.produce(producer, request)
        assert producer.flush(30) == 0


def read_all(deployment: Deployment, topic: str, enough: int, seconds: float = 30.0) -> Sequence[Message]:
    """Messages of a topic, until there are enough."""
    consumer = deployment.consumer(topic)
    found: list[Message] = []

    def arrived() -> bool:
        found.extend(messages(consumer))
        return len(found) >= enough

    try:
        wait_until(arrived, seconds, f"{enough} messages in {topic}, found {len(found)}")
    finally:
        consumer.close()
    return found
