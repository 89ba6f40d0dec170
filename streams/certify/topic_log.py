"""Topic logs of certify: traces and deferrals, re-read from where Redis stands, and their committed offsets.

Offsets are noted under the log's name, which holds the topic's ID: offsets of a deleted topic say nothing
about a new one of the same name. Then the counts are reset, and both topics are re-read from the start: they
are the source of truth. A process that has read from the old topic may still hold messages of it, so a
process that sees the change ends, and the next one begins with the new name.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from confluent_kafka import Consumer, Message

from streams.errors import KafkaFailed, TopicReplaced
from streams.kafka.replay import committed_offsets, replay
from streams.outage import Outage

log = logging.getLogger(__name__)

_PATIENCE = 60.0
"""Seconds for which a start waits for the coordinator of a group."""
_PAUSE = 1.0


class TopicLog:
    """One of the two topics.

    Attributes:
        name: `traces`, or `traces@` and the topic's ID once that is known.

    Args:
        stream: `traces` or `deferrals`.
        reader: opens a consumer that is in no group.
        onlooker: opens a consumer that reads the role's committed offsets.
        identify: returns the topic's ID, empty where it has none.
        batch: most messages at once.
    """

    def __init__(
        self,
        stream: str,
        topic: str,
        reader: Callable[[], Consumer],
        onlooker: Callable[[], Consumer],
        identify: Callable[[], str],
        batch: int,
    ) -> None:
        self.name = self.stream = stream
        self.topic = topic
        self.batch = batch
        self._reader = reader
        self._onlooker = onlooker
        self._identify = identify
        self._identity: str | None = None
        self._outage = Outage(
            log, "committed offsets can't be read, will retry", "committed offsets are read", topic=topic
        )

    async def check_identity(self) -> None:
        """Look up the topic's ID, and check that it is still the same.

        Raises:
            KafkaFailed: the broker does not say.
            TopicReplaced: the topic has another ID now.
        """
        identity = await asyncio.to_thread(self._identify)
        if self._identity not in (None, identity):
            raise TopicReplaced(
                "topic was deleted and made again, so this process ends, since it may hold messages of the "
                f"old topic; restart it, and the new topic is counted from its start: {self.topic}"
            )
        self._identity = identity
        self.name = f"{self.stream}@{identity}" if identity else self.stream

    async def committed(self) -> dict[str, int]:
        """The committed offset of each partition, by the log's name and number, as `traces:3`.

        Raises:
            KafkaFailed: the broker does not say within a minute.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                offsets = await asyncio.to_thread(committed_offsets, self._onlooker, self.topic)
            except KafkaFailed as error:
                # A group whose last member was killed may have no coordinator for some seconds.
                if time.monotonic() >= until:
                    raise
                self._outage.note_failure(error)
                await asyncio.sleep(_PAUSE)
            else:
                self._outage.note_success()
                return {f"{self.name}:{partition}": offset for partition, offset in offsets.items()}

    async def since(
        self, positions: Mapping[str, int], ends: dict[str, int]
    ) -> AsyncGenerator[list[Message], None]:
        """All messages from these positions to the end.

        Args:
            ends: filled in with the end offset of each partition, once all are reached.

        Raises:
            KafkaFailed: the topic can't be read.
        """
        prefix = f"{self.name}:"
        mine = {log: offset for log, offset in positions.items() if log.startswith(prefix)}
        starts = {int(log.removeprefix(prefix)): offset for log, offset in mine.items()}
        reached: dict[int, int] = {}
        async with aclosing(replay(self._reader, self.topic, starts, reached, self.batch)) as batches:
            async for messages in batches:
                yield messages
        ends.update({f"{prefix}{partition}": offset for partition, offset in reached.items()})
