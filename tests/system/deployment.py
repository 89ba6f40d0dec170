"""Understudy as its users run it: worker processes on a real Kafka and Redis, under a prefix of their own."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, Message, Producer

from schemas.codec import REQUEST
from schemas.messages import Request
from schemas.names import Keys, Topics
from streams.kafka.topics import ensure
from streams.settings import Settings

READY = "is ready"


class Overdue(AssertionError):
    """Something that a test waits for did not happen."""


def wait_until(happened: Callable[[], bool], seconds: float, what: str) -> None:
    """Look until it has happened; fails with `what` when it takes longer."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise Overdue(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


@dataclass
class Worker:
    """One process; `log` holds what it wrote."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it in good order; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def wrote(self, text: str) -> bool:
        return text in self.told()

    def told(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(errors="replace")

    def wait_until_it_says(self, text: str, seconds: float = 60.0) -> None:
        """Fails when it ends before."""
        wait_until(
            lambda: self.wrote(text) or self.process.poll() is not None, seconds, f"{text}: {self.log}"
        )
        assert self.wrote(text), self.told()[-4000:]


@dataclass
class Deployment:
    """A prefix on the servers, and the workers that run under it."""

    kafka: str
    redis: str
    folder: Path
    prefix: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:8]}")
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
        return Settings(kafka=kafka, redis=redis, prefix=self.prefix, data=self.folder / "data")

    def create_topics(self) -> None:
        ensure(self.settings)

    def variables(self) -> dict[str, str]:
        """The environment of a process that is to work on this deployment."""
        return {
            **os.environ,
            "UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS": self.kafka,
            "UNDERSTUDY_REDIS__URL": self.redis,
            "UNDERSTUDY_PREFIX": self.prefix,
            "UNDERSTUDY_DATA": str(self.folder / "data"),
            **self.environment,
        }

    def process(self, *arguments: str, **variables: str) -> Worker:
        """Start a Python module with its arguments; `variables` go on top of the environment."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env={**self.variables(), **variables},
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        worker = Worker(process, log)
        self.workers.append(worker)
        return worker

    def worker(self, *roles: str, **variables: str) -> Worker:
        """Start a worker and wait until its sources read."""
        worker = self.process("infra.cli", "worker", *roles, **variables)
        worker.wait_until_it_says(READY)
        return worker

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `understudy` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def configure(self, task: str, **fields: object) -> None:
        producer = self.producer()
        producer.produce(self.topics.config, msgspec.json.encode(fields), task.encode())
        assert producer.flush(10) == 0

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

    def producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.kafka, "linger.ms": 5})

    def consumer(self, topic: str, group: str | None = None) -> Consumer:
        """Reads the whole topic, committed messages only; in a group of its own where none is named."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": group or f"{self.prefix}.test.{uuid.uuid4().hex[:8]}",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.queue.backoff.ms": 5,
            }
        )
        consumer.subscribe([topic])
        return consumer

    def stop(self) -> None:
        """Stop every worker; a worker that does not stop in good order fails the test."""
        for worker in self.workers:
            if worker.process.poll() is None:
                assert worker.stop() == 0, worker.log.read_text()[-4000:]

    def close(self) -> None:
        """Kill what a failed test left running."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()


def messages(consumer: Consumer) -> Iterator[Message]:
    """What there is now."""
    for message in consumer.consume(1000, 0.05):
        assert message.error() is None, message.error()
        yield message


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
