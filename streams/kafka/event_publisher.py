"""Events for operators, from whoever has something to say."""

import asyncio
from collections.abc import Callable

from confluent_kafka import Producer

from schemas.codec import EVENT
from schemas.events import Event

_PATIENCE = 5.0


class EventPublisher:
    """Writes to the events topic. Events are told once, best effort; nothing depends on them.

    Args:
        connect: opens the producer, at the first event.
    """

    def __init__(self, connect: Callable[[], Producer], topic: str) -> None:
        self._connect = connect
        self._topic = topic
        self._producer: Producer | None = None

    def publish(self, event: Event) -> None:
        producer = self._producer = self._producer or self._connect()
        producer.produce(self._topic, EVENT.encode(event), event.task.encode())
        producer.poll(0)

    async def aclose(self) -> None:
        """Wait, briefly, until what was told has arrived."""
        if self._producer is not None:
            await asyncio.to_thread(self._producer.flush, _PATIENCE)
