"""Open-loop stream: requests of three tasks in turn at a constant rate, whatever becomes of them.

Its producer is idempotent and does not give up, so each id stands on the topic once for each time it is sent.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence

from confluent_kafka import Producer

from infra.bench.chaos.gold import TASKS, request_of

_FLUSH_S = 120.0
_TICK_S = 0.05
_OUTAGE_MS = 15 * 60_000
"""Longer than any outage of a run, so that nothing is given up."""


class RequestStream:
    """Sends in a thread of its own until it is stopped.

    Attributes:
        attempts: how often each id was sent.
        sent: each id with the Unix seconds at which it was sent, in this order.
    """

    def __init__(self, kafka: str, topic: str, per_second: float) -> None:
        self.attempts: Counter[str] = Counter()
        self.sent: list[tuple[str, float]] = []
        self._topic, self._per_second = topic, per_second
        self._producer = Producer(
            {
                "bootstrap.servers": kafka,
                "enable.idempotence": True,
                "message.timeout.ms": _OUTAGE_MS,
                "linger.ms": 5,
                "log_level": 0,
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> bool:
        """Send no more; whether all of it has reached the broker."""
        self._stopping.set()
        self._thread.join()
        return self._producer.flush(_FLUSH_S) == 0

    def send_again(self, ids: Sequence[str]) -> None:
        """Send requests once more, as a client does that got an error."""
        for name in ids:
            task, _, number = name.rpartition("-")
            self._send(task, int(number))
        self._producer.flush(_FLUSH_S)

    def _run(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._stopping.wait(_TICK_S):
            due = int((time.monotonic() - began) * self._per_second)
            for number in range(sent, due):
                self._send(TASKS[number % len(TASKS)], number)
            sent = due
            self._producer.poll(0)

    def _send(self, task: str, number: int) -> None:
        request = request_of(task, number)
        name = str(request["id"])
        self.attempts[name] += 1
        self.sent.append((name, time.time()))
        self._producer.produce(self._topic, json.dumps(request).encode(), name.encode())
