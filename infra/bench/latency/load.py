"""Load on the topic of requests, and the reader of the labels, in a process of their own.

    python -m infra.bench.latency.load JOB

Open loop (`infra.bench.open_loop`). Three threads: one produces each request when it is due, one hears the
broker's acknowledgements, one reads committed labels. The times of each request go to a file.
"""

import sys
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from msgspec import Struct
from numpy.typing import NDArray

from infra.bench.open_loop import due_times
from schemas.codec import REQUEST
from schemas.messages import Request
from streams.kafka.partitions import partitions_of

_LEAD = 0.3
"""Seconds before the first request, in which the clients connect."""
_TIMEOUT = 10.0
_AT_ONCE = 1_000

TIMES = np.dtype(
    [("due", "f8"), ("sent", "f8"), ("acked", "f8"), ("read", "f8"), ("partition", "i4"), ("offset", "i8")]
)
"""Of a request: seconds on the steady clock, not numbers where nothing happened; and where it was written."""


class LatencyJob(Struct, frozen=True):
    """What to send, and how often.

    Attributes:
        servers: of Kafka.
        requests, labels: topics.
        texts: file with a text a line, as JSON.
        token: begins the ids of this load's requests.
        rate: requests a second.
        seconds: that are measured, after `warm_up` seconds that are not.
        out: file for the times, as numpy saves them.
        patience: seconds that the last label is waited for.
    """

    servers: str
    requests: str
    labels: str
    task: str
    texts: str
    token: str
    rate: float
    seconds: float
    out: str
    warm_up: float = 1.0
    patience: float = 60.0


class LabelReader:
    """Notes when each label can be read by who reads committed ones alone."""

    def __init__(self, job: LatencyJob, times: NDArray[np.void]) -> None:
        self._prefix = job.token.encode() + b"."
        self._read = times["read"]
        self._left = len(times)
        self._consumer = Consumer(
            {
                "bootstrap.servers": job.servers,
                "group.id": f"{job.labels}.{job.token}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
                "fetch.queue.backoff.ms": 1,
            }
        )
        self._consumer.assign(_ends(self._consumer, job.labels))
        self.is_over = threading.Event()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._ends.is_set():
            messages = self._consumer.consume(1, 0.05)
            if messages:
                messages += self._consumer.consume(_AT_ONCE, 0.0)
                self._note(messages, time.monotonic())

    def _note(self, messages: list[Message], now: float) -> None:
        for message in messages:
            key = message.key()
            if message.error() is None and isinstance(key, bytes) and key.startswith(self._prefix):
                row = int(key[len(self._prefix) :])
                if np.isnan(self._read[row]):
                    self._read[row] = now
                    self._left -= 1
        if self._left <= 0:
            self.is_over.set()


class LoadSender:
    """Produces each request when it is due, and notes when the broker acknowledges it."""

    def __init__(self, job: LatencyJob, times: NDArray[np.void]) -> None:
        self._times = times
        self._topic = job.requests
        texts = [msgspec.json.decode(line, type=str) for line in Path(job.texts).read_bytes().splitlines()]
        ids = [f"{job.token}.{number}" for number in range(len(times))]
        self._messages = [
            (name.encode(), REQUEST.encode(Request(id=name, task=job.task, text=texts[number % len(texts)])))
            for number, name in enumerate(ids)
        ]
        self._producer = Producer({"bootstrap.servers": job.servers, "linger.ms": 1})
        self._producer.list_topics(job.requests, _TIMEOUT)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="acknowledgements", daemon=True)
        self._thread.start()

    def send_all(self) -> None:
        sent = self._times["sent"]
        for number, due in enumerate(self._times["due"].tolist()):
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            key, value = self._messages[number]
            sent[number] = time.monotonic()
            self._producer.produce(self._topic, value, key, on_delivery=self._note)

    def close(self) -> None:
        self._producer.flush(_TIMEOUT)
        self._ends.set()
        self._thread.join()

    def _hear(self) -> None:
        while not self._ends.is_set():
            self._producer.poll(0.05)

    def _note(self, error: KafkaError | None, message: Message) -> None:
        key = message.key()
        if error is None and isinstance(key, bytes):
            row = int(key.rpartition(b".")[2])
            self._times["acked"][row] = time.monotonic()
            self._times["partition"][row] = message.partition()
            self._times["offset"][row] = message.offset()


def run(job: LatencyJob) -> NDArray[np.void]:
    """Send, read, and return the times of the requests after the warm-up."""
    due = np.fromiter(due_times(job.rate, job.warm_up + job.seconds), dtype=np.float64)
    times = np.zeros(len(due), TIMES)
    for name in ("sent", "acked", "read"):
        times[name] = np.nan
    reader, sender = LabelReader(job, times), LoadSender(job, times)
    times["due"] = time.monotonic() + _LEAD + due
    sender.send_all()
    sender.close()
    reader.is_over.wait(job.patience)
    reader.close()
    return times[due >= job.warm_up]


def _ends(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Where the topic ends now. Raises KafkaFailed: there is none."""
    return [
        TopicPartition(topic, one, consumer.get_watermark_offsets(TopicPartition(topic, one), _TIMEOUT)[1])
        for one in partitions_of(consumer, topic)
    ]


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.argv[1], type=LatencyJob)
    np.save(asked.out, run(asked))
