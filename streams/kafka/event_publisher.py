"""Publishes events for operators on the events topic, and logs them."""

import asyncio
import logging
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec.structs import replace

from schemas.codec import EVENT
from schemas.events import Event
from schemas.secrets import masked, masked_values

log = logging.getLogger(__name__)

_PATIENCE = 5.0


class EventPublisher:
    """Writes to the events topic: each event once, best effort; nothing depends on it.

    Args:
        open_producer: called at the first event.
    """

    def __init__(self, open_producer: Callable[[], Producer], topic: str) -> None:
        self._open_producer = open_producer
        self._topic = topic
        self._producer: Producer | None = None

    def publish(self, event: Event) -> None:
        event = replace(event, message=masked(event.message), details=masked_values(event.details))
        log.info("event: %s kind=%s task=%s", event.message, event.kind, event.task)
        producer = self._producer = self._producer or self._open_producer()
        try:
            producer.produce(self._topic, EVENT.encode(event), event.task.encode(), on_delivery=_log_loss)
        except (BufferError, KafkaException) as error:
            log.error("event is not on the events topic: %s, kind=%s task=%s", error, event.kind, event.task)
        producer.poll(0)

    async def aclose(self) -> None:
        """Wait, briefly, until the events have arrived."""
        if self._producer is not None:
            await asyncio.to_thread(self._producer.flush, _PATIENCE)


def _log_loss(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        log.error("event is not on the events topic: %s", error.str())
