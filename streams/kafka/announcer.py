"""Events for operators, from whoever has something to say."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer

from schemas.codec import EVENT
from schemas.messages import Event, EventKind

_PATIENCE = 5.0


class Announcer:
    """Writes to the events topic. Events are told once, best effort; nothing depends on them.

    Args:
        connect: opens the producer, at the first event.
    """

    def __init__(self, connect: Callable[[], Producer], topic: str) -> None:
        self._connect = connect
        self._topic = topic
        self._producer: Producer | None = None

    def tell(self, kind: EventKind, task: str, message: str, **details: Any) -> None:
        event = Event(kind=kind, task=task, at=round(time.time() * 1000), message=message, details=details)
        producer = self._producer = self._producer or self._connect()
        producer.produce(self._topic, EVENT.encode(event), task.encode())
        producer.poll(0)

    async def aclose(self) -> None:
        """Wait, briefly, until what was told has arrived."""
        if self._producer is not None:
            await asyncio.to_thread(self._producer.flush, _PATIENCE)
