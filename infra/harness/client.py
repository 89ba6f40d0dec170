"""Client of a deployment: sends requests at a steady pace and collects their labels."""

import time
from collections.abc import Iterator, Sequence

from infra.harness.deployment import Deployment, messages
from schemas.codec import LABEL, REQUEST
from schemas.messages import Label, Request


class Conversation:
    """Sends requests at a steady pace and collects their labels, in the order of arrival."""

    def __init__(self, deployment: Deployment) -> None:
        self.labels: list[Label] = []
        self._topics = deployment.topics
        self._producer = deployment.producer()
        self._consumer = deployment.consumer(deployment.topics.labels)

    def send_paced(self, requests: Sequence[Request], per_second: float) -> Iterator[int]:
        """Send the requests; yields how many were sent so far, about fifty times a second."""
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
        """Collect the labels that have arrived; returns whether there were any."""
        before = len(self.labels)
        self.labels.extend(LABEL.decode(message.value()) for message in messages(self._consumer))
        return len(self.labels) > before

    def close(self) -> None:
        self._producer.flush(10)
        self._consumer.close()
