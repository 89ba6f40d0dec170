"""Watch over Kafka: says once for all clients of a process that no broker answers, and that one does again.

A client that waits for messages reports a lost connection, and nothing when it has another. So a lost one
makes the watch ask the brokers itself, once a second until one answers. While none is lost it asks nobody.

Clients are given up and opened again meanwhile. The traceback of an error may hold one in a cycle, with its
threads and its connections, and a process that waits makes so few objects that the collector would not look
for hours. So the watch has it look.
"""

import asyncio
import gc
import logging
from collections.abc import Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from mode import Service

from streams.errors import KafkaFailed
from streams.kafka.client_log import ErrorLog, log_error
from streams.kafka.clients import admin_options, open_client
from streams.outage import Outage
from streams.settings import Settings

log = logging.getLogger(__name__)

_LOOK = 1.0
_PATIENCE = 3.0
_LOOKS_A_COLLECTION = 10


class KafkaWatch(Service):
    """Args:
    probe: returns where a broker answers; may block for seconds. It raises KafkaFailed.
    errors: what the clients report.
    collect: frees what is held in cycles; may block, since a client may take its time to end.
    """

    def __init__(
        self,
        probe: Callable[[], None],
        errors: ErrorLog = log_error,
        look: float = _LOOK,
        collect: Callable[[], object] = gc.collect,
    ) -> None:
        super().__init__()
        self._probe = probe
        self._errors = errors
        self._look = look
        self._collect = collect
        self._failures = 0
        self._seen = errors.connection_errors
        self._outage = Outage(
            log, "Kafka is away, what is read and written waits", "Kafka answers, reading and writing go on"
        )

    @property
    def is_available(self) -> bool:
        """Whether a broker answered when one was last asked."""
        return not self._outage.is_on

    @property
    def unchanged_for(self) -> float:
        """Seconds since one answers, or none does."""
        return self._outage.seconds

    async def on_start(self) -> None:
        self.add_future(self._repeat())

    async def on_stop(self) -> None:
        self._errors.is_away = False

    async def look(self) -> None:
        """Ask the brokers, if a connection was lost since the last look or none has answered since."""
        errors = self._errors.connection_errors
        if errors == self._seen and not self._outage.is_on:
            return
        self._seen = errors
        try:
            await asyncio.to_thread(self._probe)
        except KafkaFailed as error:
            self._outage.note_failure(error)
            self._failures += 1
            if self._failures % _LOOKS_A_COLLECTION == 0:
                await asyncio.to_thread(self._collect)
        else:
            self._outage.note_success()
        self._errors.is_away = self._outage.is_on

    async def _repeat(self) -> None:
        while not self.should_stop:
            await self.sleep(self._look)
            await self.look()


def probe_kafka(settings: Settings) -> None:
    """Ask the brokers for a topic, over a connection of its own.

    Raises:
        KafkaFailed: none answers within some seconds.
    """
    # Its own lost connections would keep the watch asking.
    admin = open_client(AdminClient, {**admin_options(settings), "error_cb": lambda _: None})
    try:
        admin.list_topics(settings.topics.config, timeout=_PATIENCE)
    except KafkaException as error:
        raise KafkaFailed(f"no broker answers within {_PATIENCE:g} s") from error
