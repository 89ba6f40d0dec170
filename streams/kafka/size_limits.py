"""Size limits: how large a message each topic takes, from the producer's options and the broker's.

A broker takes batches of messages up to a topic's `max.message.bytes` (by default the broker's
`message.max.bytes`) and `segment.bytes`. A message or a batch that is larger is refused, and a transaction
with it. So the smaller limit holds: the producer's or the topic's.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import TimeoutError as Overdue
from functools import cached_property

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from mode import Service

from streams.errors import KafkaFailed
from streams.kafka.clients import FRAME_BYTES, admin_options, largest_message, open_client
from streams.kafka.retention import NOT_ANSWERED
from streams.settings import Settings

log = logging.getLogger(__name__)

_ROOM = 8_000
_OPTIONS = ("max.message.bytes", "segment.bytes")
_PROMPTLY = 5.0
_AT_START = 2.0
_READ_AGAIN = 60.0


class SizeLimits:
    """The limits as they are known now.

    Args:
        producer: bytes of value, key and headers together that a producer takes.
        batches: what each topic takes at once, bytes with Kafka's own format; others are unknown.
    """

    def __init__(self, producer: int, batches: Mapping[str, int] | None = None) -> None:
        self._producer = producer
        self._batches: Mapping[str, int] = batches or {}
        self._below: dict[str, int] = {}

    def update(self, batches: Mapping[str, int]) -> None:
        """Note what the broker says; what it does not say stays as it was."""
        self._batches, self._below = {**self._batches, **batches}, {}

    def of(self, topic: str) -> int:
        """Bytes of value, key and headers together that a message of this topic may have."""
        found = self._batches.get(topic)
        return self._producer if found is None else min(self._producer, max(0, found - FRAME_BYTES))

    def below(self, topic: str) -> int:
        """The same with room for the headers of a dead letter that repeats the message."""
        below = self._below
        if topic not in below:
            limit = self.of(topic)
            below[topic] = limit - min(_ROOM, limit // 8)
        return below[topic]

    @property
    def smallest_batch(self) -> int | None:
        """Bytes that every topic takes at once; None where the broker has not said."""
        return min(self._batches.values(), default=None)


class SizeLimitsWatch(Service):
    """Reads the limits of the topics at start, once a minute, and when somebody asks.

    Args:
        waits: whether the start waits for the limits, for a moment at most: not every broker tells them.
    """

    def __init__(self, settings: Settings, *, waits: bool = True) -> None:
        super().__init__()
        self._waits = waits
        self._settings = settings
        self.limits = SizeLimits(largest_message(settings))
        self._has_warned = False

    async def on_start(self) -> None:
        first = asyncio.ensure_future(asyncio.to_thread(self.read))
        if self._waits:
            await asyncio.wait([first], timeout=_AT_START)
        self.add_future(self._read_again(first))

    def read(self) -> None:
        """Read the limits; where the broker does not say them, the known ones stay. May block for seconds."""
        try:
            self.limits.update(read_batch_limits(self._admin, self._settings.topics.all()))
        except KafkaFailed as error:
            (log.debug if self._has_warned else log.warning)(
                "sizes that topics take can't be read, so messages that are too large are found by trial, "
                "which takes longer (the ACL `DescribeConfigs` lets them be read): %s",
                error,
            )
            self._has_warned = True

    async def _read_again(self, first: "asyncio.Future[None]") -> None:
        await first
        while not self.should_stop:
            await self.sleep(_READ_AGAIN)
            await asyncio.to_thread(self.read)

    @cached_property
    def _admin(self) -> AdminClient:
        return open_client(AdminClient, admin_options(self._settings))


def read_batch_limits(admin: AdminClient, topics: tuple[str, ...]) -> dict[str, int]:
    """Bytes that each topic takes at once; a topic that is not there is left out.

    Raises:
        KafkaFailed: the broker does not answer, or may not be asked.
    """
    resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    limits: dict[str, int] = {}
    problem: KafkaException | None = None
    try:
        for resource, future in admin.describe_configs(resources, request_timeout=_PROMPTLY).items():
            try:
                entries = future.result(2 * _PROMPTLY)
            except KafkaException as error:
                problem = error
            else:
                known = [int(entries[name].value) for name in _OPTIONS if name in entries]
                if known:
                    limits[resource.name] = min(known)
    except (KafkaException, Overdue, TypeError, ValueError) as error:
        raise KafkaFailed(f"could not read the configs of topics: {error}") from error
    if problem is not None and not limits and problem.args[0].code() not in NOT_ANSWERED:
        raise KafkaFailed(f"could not read the configs of topics: {problem.args[0].str()}") from problem
    return limits
