"""A broker that is away fills no log: each kind of error is said once a minute."""

import logging

import pytest
from confluent_kafka import KafkaError

from streams.kafka.client_log import LOGGER, ErrorLog

_REFUSED = KafkaError(KafkaError._TRANSPORT, "127.0.0.1:1: Connection refused")
_DENIED = KafkaError(KafkaError._AUTHENTICATION, "SASL: wrong password")
_ALL_DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")


def test_an_error_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    log_error = ErrorLog(lambda: now[0])
    for error in (_ALL_DOWN, _REFUSED, _DENIED, _REFUSED, _DENIED):
        log_error(error)
    assert [record.args for record in caplog.records] == [(_REFUSED.str(),), (_DENIED.str(),)]
    now[0] = 59.9
    log_error(_REFUSED)
    assert len(caplog.records) == 2
    now[0] = 60.0
    log_error(_REFUSED)
    assert len(caplog.records) == 3


def test_librdkafka_s_copy_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "librdkafka"):
        LOGGER.error("%s %s", "FAIL", "[rdkafka#consumer-1] Connection refused")
        LOGGER.warning("%s %s", "CONFWARN", "[rdkafka#consumer-1] option has no effect")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
