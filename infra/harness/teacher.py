"""Teacher outside the deployment, as users bring their own: reads what is asked, and writes replies."""

import threading
from collections.abc import Callable
from typing import Self

from infra.harness.deployment import Deployment, messages
from schemas.codec import DEFERRAL, REPLY
from schemas.messages import Deferral, Reply


class OutsideTeacher:
    """Answers in a thread of its own.

    Args:
        answer: the reply to each deferral.
    """

    def __init__(self, deployment: Deployment, answer: Callable[[Deferral], Reply]) -> None:
        self._deployment = deployment
        self._answer = answer
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._teach, name="teacher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _teach(self) -> None:
        topics = self._deployment.topics
        consumer = self._deployment.consumer(topics.deferrals, topics.audits)
        producer = self._deployment.producer()
        while not self._stopping.is_set():
            for message in messages(consumer):
                reply = self._answer(DEFERRAL.decode(message.value()))
                producer.produce(self._deployment.topics.replies, REPLY.encode(reply), message.key())
            producer.poll(0)
        producer.flush(10)
        consumer.close()
