"""A teacher that knows the right answers, and is connected as users' own teachers are."""

import threading
from collections.abc import Mapping

from schemas.codec import DEFERRAL, REPLY
from schemas.messages import Deferral, Reply, Teacher
from tests.system.deployment import Deployment, messages

GOLD = Teacher(model="gold", prompt="gold")


class GoldTeacher:
    """Answers in a thread of its own.

    Args:
        answers: label for each request id.
    """

    def __init__(self, deployment: Deployment, answers: Mapping[str, str]) -> None:
        self._deployment = deployment
        self._answers = answers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._teach, name="gold-teacher", daemon=True)

    def __enter__(self) -> "GoldTeacher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def says(self, deferral: Deferral) -> str:
        return self._answers[deferral.request.id]

    def _teach(self) -> None:
        consumer = self._deployment.consumer(self._deployment.topics.deferrals)
        producer = self._deployment.producer()
        while not self._stopping.is_set():
            for message in messages(consumer):
                deferral = DEFERRAL.decode(message.value())
                reply = Reply(deferral=deferral, label=self.says(deferral), teacher=GOLD)
                producer.produce(self._deployment.topics.replies, REPLY.encode(reply), message.key())
            producer.poll(0)
        producer.flush(10)
        consumer.close()
