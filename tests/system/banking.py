"""Banking77 as a stream: its training split in a fixed random order, gold labels as the teacher's answers."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.codec import LABEL, REQUEST
from schemas.messages import Label, Request
from tests.system.deployment import Deployment, messages

TASK = "banking"


@dataclass(frozen=True)
class Banking:
    """Requests, and the label of each by its id."""

    requests: list[Request]
    gold: dict[str, str]


def banking(folder: Path, *, vectors: bool, most: int | None = None) -> Banking:
    """The stream; with MiniLM vectors in the messages, or with the text alone."""
    rows = [json.loads(line) for line in (folder / "banking77_train.jsonl").read_text().splitlines()]
    order = np.random.default_rng(7).permutation(len(rows))[:most]
    embeddings = np.load(folder / "banking77_train.minilm.f16.npy").astype("<f4") if vectors else None
    requests = [
        Request(
            id=f"b{row}",
            task=TASK,
            text=rows[row]["text"],
            embedding=None if embeddings is None else embeddings[row].tobytes(),
        )
        for row in order.tolist()
    ]
    return Banking(requests, {f"b{row}": rows[row]["label"] for row in order.tolist()})


class Conversation:
    """Sends requests at a steady pace and collects their labels, in the order of arrival."""

    def __init__(self, deployment: Deployment) -> None:
        self.labels: list[Label] = []
        self._topics = deployment.topics
        self._producer = deployment.producer()
        self._consumer = deployment.consumer(deployment.topics.labels)

    def paced(self, requests: list[Request], per_second: float) -> Iterator[int]:
        """Send; yields how many were sent so far, about fifty times a second."""
        began, sent = time.monotonic(), 0
        while sent < len(requests):
            until = min(len(requests), int((time.monotonic() - began) * per_second) + 1)
            for request in requests[sent:until]:
                self._producer.produce(self._topics.requests, REQUEST.encode(request), request.id.encode())
            self._producer.poll(0)
            sent = until
            self.collect()
            yield sent

    def collect(self) -> bool:
        """Take in labels that have arrived; whether there were any."""
        before = len(self.labels)
        self.labels.extend(LABEL.decode(message.value()) for message in messages(self._consumer))
        return len(self.labels) > before

    def close(self) -> None:
        self._producer.flush(10)
        self._consumer.close()
