"""Teacher outside the deployment, as users bring their own: reads what is asked, and writes replies."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from infra.harness.deployment import Deployment, messages
from schemas.codec import DEFERRAL, REPLY
from schemas.messages import Deferral, Reply


class OutsideTeacher:
    """Answers in a thread of its own, between entering and leaving; leaving raises what has ended the thread.

    Args:
        answer: the reply to each deferral.
    """

    def __init__(self, deployment: Deployment, answer: Callable[[Deferral], Reply]) -> None:
        self._deployment = deployment
        self._answer = answer
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, "teacher")
        self._teaching: Future[None] | None = None

    def __enter__(self) -> Self:
        self._teaching = self._thread.submit(self._teach)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.shutdown()
        if self._teaching is not None:
            self._teaching.result()

    def _teach(self) -> None:
        topics = self._deployment.topics
        consumer = self._deployment.consumer(topics.deferrals, topics.audits)
        producer = self._deployment.producer()
        try:
            while not self._stopping.is_set():
                for message in messages(consumer):
                    reply = self._answer(DEFERRAL.decode(message.value()))
                    producer.produce(topics.replies, REPLY.encode(reply), message.key())
                producer.poll(0)
        finally:
            producer.flush(10)
            consumer.close()
