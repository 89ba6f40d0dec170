"""The two logs that certify folds: read again from where Redis stands, and how far they were committed."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from confluent_kafka import Consumer, Message

from streams.kafka.replay import committed, replayed


class Log:
    """One of the two.

    Args:
        stream: `traces` or `deferrals`.
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
        batch: int,
    ) -> None:
        self.stream = stream
        self.topic = topic
        self.batch = batch
        self._reader = reader
        self._onlooker = onlooker

    async def committed(self) -> dict[str, int]:
        """The next offset of each partition, as `traces:3`.

        Raises:
            KafkaFailed: the topic can't be read.
        """
        found = await asyncio.to_thread(committed, self._onlooker, self.topic)
        return {f"{self.stream}:{partition}": offset for partition, offset in found.items()}

    async def since(
        self, positions: Mapping[str, int], ends: dict[str, int]
    ) -> AsyncGenerator[list[Message], None]:
        """All messages from these positions on, to the end.

        Args:
            ends: filled in with the end of each partition, once all are reached.

        Raises:
            KafkaFailed: the topic can't be read.
        """
        prefix = f"{self.stream}:"
        starts = {
            int(log.removeprefix(prefix)): at for log, at in positions.items() if log.startswith(prefix)
        }
        reached: dict[int, int] = {}
        async with aclosing(replayed(self._reader, self.topic, starts, reached, self.batch)) as batches:
            async for messages in batches:
                yield messages
        ends.update({f"{prefix}{partition}": offset for partition, offset in reached.items()})
