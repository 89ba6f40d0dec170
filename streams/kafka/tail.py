"""A tail: reads a whole topic from its start, in no group, and keeps reading.

For logs that every process needs in full: the config, and a trainer's traces. The agent at the other end of
the channel makes no outputs.
"""

import logging
from collections.abc import Callable

from confluent_kafka import Consumer, Message

from streams.errors import StateUnavailable
from streams.kafka.batch import Batch
from streams.kafka.channel import BatchChannel
from streams.kafka.late_start import LateStart
from streams.kafka.topic_reader import TopicReader

log = logging.getLogger(__name__)


class Tail(TopicReader):
    """Feeds `channel` with all of `topic`. It has started once the messages that were there are handed on."""

    def __init__(
        self,
        topic: str,
        channel: BatchChannel,
        connect: Callable[[], Consumer],
        *,
        batch: int,
        late_start: LateStart | None = None,
    ) -> None:
        super().__init__(topic, connect, at_once=batch, late_start=late_start)
        self.channel = channel

    def _take(self, messages: list[Message]) -> None:
        batch = Batch(messages)
        self._event_loop.call_soon_threadsafe(self.channel.offer, batch)
        try:
            batch.outcome(self._stopping)
        except StateUnavailable as error:
            log.debug("%s: %s", self.topic, error)
        except Exception:
            log.exception("skipped a batch: agent raised, topic=%s", self.topic)
