"""Committed offsets are asked for again while the group's coordinator is silent, for a minute."""

from collections.abc import Callable
from unittest.mock import Mock

import pytest

from streams.certify import topic_log
from streams.certify.topic_log import TopicLog
from streams.errors import KafkaFailed


def log_of(monkeypatch: pytest.MonkeyPatch, *answers: dict[int, int] | KafkaFailed) -> TopicLog:
    monkeypatch.setattr(topic_log, "committed_offsets", Mock(side_effect=answers))
    unused: Callable[[], Mock] = Mock()
    return TopicLog("traces", "x.traces", reader=unused, onlooker=unused, identify=lambda: "", batch=1)


async def test_a_coordinator_that_was_silent_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_log, "_PAUSE", 0.0)
    log = log_of(monkeypatch, *[KafkaFailed("silent")] * 3, {3: 7})
    assert await log.committed() == {"traces:3": 7}


async def test_one_that_stays_silent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_log, "_PATIENCE", 0.0)
    log = log_of(monkeypatch, KafkaFailed("silent"))
    with pytest.raises(KafkaFailed):
        await log.committed()
