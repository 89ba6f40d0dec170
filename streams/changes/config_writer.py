"""Config writer: writes what was decided on the newest config, or nothing.

Kafka does not compare before it writes. So who changes the config first takes a transactional id that all
writers share, which fences whoever had it; then reads the config to its end, decides, and commits. A commit
that goes through has seen every earlier change of such a writer. With `delivery=at_least_once` nothing is
fenced: what another one writes between the reading and the writing, some milliseconds, is overwritten.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.config import Override
from schemas.errors import InvalidConfig
from streams.changes.newest_overrides import OnInvalid, newest_overrides
from streams.errors import ChangeOutdated, DeliveryFailed
from streams.kafka.batch import Outgoing
from streams.kafka.clients import open_client, transactional_options
from streams.kafka.delivery import FENCED
from streams.kafka.timed_calls import CallNotReturned, TimedCalls
from streams.kafka.topic_client import write_messages
from streams.settings import Settings

log = logging.getLogger(__name__)

Decide = Callable[[Mapping[str, Override]], Sequence[Outgoing]]
"""What is to be written, given what each key sets now. May raise, and then nothing is written."""
_NAME = "config-writer"
_ATTEMPTS = 5
_CALL = 10.0
"""Seconds that a call of the client may take."""
_GRACE = 5.0
_OPEN = {"transaction.timeout.ms": 10_000}
"""For so long readers of config and events wait where a writer is killed between its writes."""


def log_invalid(error: InvalidConfig) -> None:
    log.warning("config message ignored: %s", error)


class ConfigWriter:
    """Args:
    on_invalid: is told of messages on the topic that set nothing.
    """

    def __init__(self, settings: Settings, on_invalid: OnInvalid = log_invalid) -> None:
        self._settings = settings
        self._on_invalid = on_invalid
        self._id = f"{settings.prefix}.{_NAME}"

    def write(self, decide: Decide) -> None:
        """Write what is decided on the newest config, and wait until it is committed. Blocks.

        Args:
            decide: is called again where another writer has come in between.

        Raises:
            ChangeOutdated: others came in between again and again; nothing is written.
            DeliveryFailed: the broker has not acknowledged it in time, and may have it.
            KafkaFailed: the broker does not answer, or has no config topic; nothing is written.
        """
        if self._settings.delivery != "exactly_once":
            write_messages(self._settings, decide(self._overrides()))
            return
        for _ in range(_ATTEMPTS):
            if self._attempt(decide):
                return
        raise ChangeOutdated("others change the config all the time: nothing was changed, try again")

    def _overrides(self) -> dict[str, Override]:
        return newest_overrides(self._settings, self._on_invalid)

    def _attempt(self, decide: Decide) -> bool:
        """Whether it is written; else another writer has come in between, and nothing is."""
        options = {**transactional_options(self._settings, self._id), **_OPEN}
        producer, calls = open_client(Producer, options), TimedCalls(self._id)
        try:
            calls.run(partial(producer.init_transactions, _CALL), _CALL + _GRACE)
            _write(producer, calls, decide(self._overrides()))
        except CallNotReturned as error:
            raise DeliveryFailed(f"{error}, transactional.id={self._id!r}") from error
        except KafkaException as error:
            if error.args[0].code() in FENCED:
                return False
            raise DeliveryFailed(self._why(error.args[0])) from error
        finally:
            calls.close()
        return True

    def _why(self, reason: KafkaError) -> str:
        is_forbidden = reason.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        allow = ": allow it this transactional id" if is_forbidden else ""
        return f"config not written: {reason.str()}{allow}, transactional.id={self._id!r}"


def _write(producer: Producer, calls: TimedCalls, outgoing: Sequence[Outgoing]) -> None:
    """Write in a transaction, or leave none open that readers would wait for. Raises KafkaException."""
    producer.begin_transaction()
    try:
        for topic, key, value, headers in outgoing:
            producer.produce(topic, value, key, headers=headers)
        calls.run(partial(producer.commit_transaction, _CALL), _CALL + _GRACE)
    except KafkaException:
        with suppress(KafkaException):  # it is fenced, or has nothing open
            calls.run(partial(producer.abort_transaction, _CALL), _CALL + _GRACE)
        raise
