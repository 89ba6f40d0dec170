"""Deployment under a prefix of its own: its topics, its config, its workers."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, Message, Producer
from pydantic import SecretStr

from infra.harness.waiting import Stalled
from infra.harness.worker import Worker, environment
from schemas.redis_keys import Keys
from schemas.topics import Topics
from streams.errors import KafkaFailed
from streams.kafka.topic_admin import create_missing
from streams.settings import Settings

_READY = "is ready"
_TIMEOUT_S = 10.0


def fresh_prefix(name: str) -> str:
    """A new prefix that begins with the name."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


@dataclass
class Deployment:
    """A prefix on the servers, and the workers that run under it.

    Attributes:
        kafka: bootstrap servers.
        redis: URL.
        folder: for the workers' logs and data.
        prefix: of its topics, groups and keys, see `fresh_prefix`.
        environment: further variables of each worker.
    """

    kafka: str
    redis: str
    folder: Path
    prefix: str
    environment: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)

    @property
    def topics(self) -> Topics:
        return Topics(self.prefix)

    @property
    def keys(self) -> Keys:
        return Keys(self.prefix)

    @property
    def settings(self) -> Settings:
        kafka, redis = {"bootstrap.servers": self.kafka}, {"url": self.redis}
        return Settings(
            kafka=kafka,
            redis=redis,
            prefix=self.prefix,
            data=self.folder / "data",
            audit_key=SecretStr(f"audit-key-{self.prefix}"),
        )

    def create_topics(self) -> None:
        create_missing(self.settings)

    def variables(self) -> dict[str, str]:
        """Environment of a process that works on this deployment."""
        return environment(self.settings) | self.environment

    def process(self, *arguments: str, **variables: str) -> Worker:
        """Start a Python module with its arguments; `variables` go on top of the environment."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env={**self.variables(), **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        worker = Worker(process, log)
        self.workers.append(worker)
        return worker

    def worker(self, *roles: str, **variables: str) -> Worker:
        """Start a worker and wait until it is ready."""
        worker = self.process("infra.cli", "worker", *roles, **variables)
        worker.wait_for_text(_READY)
        return worker

    def configure(self, task: str, **fields: object) -> None:
        producer = self.producer()
        producer.produce(self.topics.config, msgspec.json.encode(fields), task.encode())
        if producer.flush(_TIMEOUT_S):
            raise Stalled(f"the config did not reach the broker in {_TIMEOUT_S:.0f} s: task={task}")

    def producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.kafka, "linger.ms": 5})

    def consumer(self, *topics: str) -> Consumer:
        """Reads whole topics, committed messages only, in a group of its own."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": fresh_prefix(f"{self.prefix}.reader"),
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.queue.backoff.ms": 5,
            }
        )
        consumer.subscribe(list(topics))
        return consumer

    def stop(self) -> None:
        """Stop every worker.

        Raises:
            Stalled: one does not stop with exit status 0.
        """
        for worker in self.workers:
            if worker.runs and worker.stop() != 0:
                raise worker.failure("did not stop with exit status 0")

    def close(self) -> None:
        """Kill the workers that still run after a failure."""
        for worker in self.workers:
            if worker.runs:
                worker.kill()


def messages(consumer: Consumer) -> Iterator[Message]:
    """The messages that have arrived.

    Raises:
        KafkaFailed: the topic could not be read, and asking again would not help.
    """
    for message in consumer.consume(1000, 0.05):
        error = message.error()
        if error is None:
            yield message
        elif not error.retriable():
            raise KafkaFailed(f"{message.topic()}: {error.str()}")
