"""The two logs that certify folds: which they are, read again from where Redis stands, and how far they were
committed.

Offsets are noted under the log's name, which holds the topic's identity: offsets of a topic that was deleted
say nothing of one that has its name now. What was folded is given up then, and both logs are read from their
beginnings: they are the source of truth. Whoever has read from the old one may still hold messages of it, so
a process that sees the change ends, and the next one begins with the new name.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from confluent_kafka import Consumer, Message

from streams.errors import TopicReplaced
from streams.kafka.replay import committed_offsets, replay


class TopicLog:
    """One of the two.

    Attributes:
        name: `traces`, or `traces@` and the topic's identity, once that is known.

    Args:
        stream: `traces` or `deferrals`.
        identify: the topic's identity, empty where it has none.
        reader: opens a consumer that is in no group.
        onlooker: opens a consumer that can be asked how far the role has committed.
        batch: messages at once, at most.
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

    async def check_identity(self) -> None:
        """Learn which topic it is, or see that it is still the same.

        Raises:
            KafkaFailed: the broker does not say.
            TopicReplaced: it is another one by now.
        """
        identity = await asyncio.to_thread(self._identify)
        if self._identity not in (None, identity):
            raise TopicReplaced(
                f"{self.topic} was deleted and made again: this process ends, as what it still holds is of "
                "the old one; start it again, and what the new one holds is counted, from its beginning"
            )
        self._identity = identity
        self.name = f"{self.stream}@{identity}" if identity else self.stream

    async def committed(self) -> dict[str, int]:
        """The next offset of each partition, as `traces:3`, with the log's name.

        Raises:
            KafkaFailed: the topic can't be read.
        """
        found = await asyncio.to_thread(committed_offsets, self._onlooker, self.topic)
        return {f"{self.name}:{partition}": offset for partition, offset in found.items()}

    async def since(
        self, positions: Mapping[str, int], ends: dict[str, int]
    ) -> AsyncGenerator[list[Message], None]:
        """All messages from these positions on, to the end.

        Args:
            ends: filled in with the end of each partition, once all are reached.

        Raises:
            KafkaFailed: the topic can't be read.
        """
        prefix = f"{self.name}:"
        starts = {
            int(log.removeprefix(prefix)): at for log, at in positions.items() if log.startswith(prefix)
        }
        reached: dict[int, int] = {}
        async with aclosing(replay(self._reader, self.topic, starts, reached, self.batch)) as batches:
            async for messages in batches:
                yield messages
        ends.update({f"{prefix}{partition}": offset for partition, offset in reached.items()})
