"""Logs what librdkafka reports: each kind of error once a minute, for all clients and brokers together.

While all of Kafka is known to be away (`streams.kafka.kafka_watch`), lost connections are no news.
"""

import logging
import time
from collections.abc import Callable

from confluent_kafka import KafkaError

log = logging.getLogger(__name__)

LOGGER = logging.getLogger("librdkafka")
"""Where librdkafka's own lines go: `FACILITY [client] [thread]: text`."""

_QUIET_SECONDS = 60.0
# `_TRANSPORT` or `_RESOLVE` comes with it, and says why.
_REDUNDANT = (KafkaError._ALL_BROKERS_DOWN,)
_OF_CONNECTIONS = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE)
# librdkafka hands the same errors to the callback as well.
_REPORTED_FACILITIES = ("FAIL", "ERROR")


class ErrorLog:
    """The error callback of all clients in this process.

    Args:
        clock: seconds, never going back.

    Attributes:
        connection_errors: how often a client has lost, or not got, a connection.
        is_away: whether somebody else logs that Kafka is away.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at: dict[int, float] = {}
        self.connection_errors = 0
        self.is_away = False

    def __call__(self, error: KafkaError) -> None:
        """Log an error, unless one with the same code was logged less than a minute ago."""
        code, now = error.code(), self._clock()
        if code in _OF_CONNECTIONS:
            self.connection_errors += 1
            if self.is_away:
                return
        if code in _REDUNDANT or now - self._logged_at.get(code, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        self._logged_at[code] = now
        log.warning("Kafka client error, librdkafka will retry: %s", error.str())


def is_reported_once(record: logging.LogRecord) -> bool:
    """A logging filter: False for lines about errors that the callback reports too."""
    return not record.getMessage().startswith(_REPORTED_FACILITIES)


LOGGER.addFilter(is_reported_once)
log_error = ErrorLog()
