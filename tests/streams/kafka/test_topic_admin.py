"""Topics are created once, and are there when this returns."""

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from streams.errors import KafkaFailed
from streams.kafka import topic_admin
from streams.kafka.topic_admin import create_missing
from streams.settings import Settings

UNKNOWN = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
SETTINGS = Settings(prefix="x", data=Path("/nonexistent"))


class SlowToList:
    """A broker's admin client: of the topics that it has made it shows more with each look.

    Args:
        looks: what each look after the first says of all topics; the last one goes on for ever.
    """

    def __init__(self, *looks: Any) -> None:
        self._looks = [{}, *({name: look for name in SETTINGS.topics.all() if look} for look in looks)]

    def list_topics(self, timeout: float) -> Any:  # noqa: ARG002 - as the client has it
        return SimpleNamespace(topics=self._looks.pop(0) if len(self._looks) > 1 else self._looks[0])

    def create_topics(self, topics: Any, **_: Any) -> dict[str, Future[None]]:
        made: Future[None] = Future()
        made.set_result(None)
        return {topic.topic: made for topic in topics}

    @property
    def looks_left(self) -> int:
        return len(self._looks)


def listed(error: KafkaError | None = None, leader: int = 1) -> Any:
    return SimpleNamespace(error=error, partitions={0: SimpleNamespace(leader=leader)})


def test_it_returns_once_the_broker_lists_all_topics_with_their_leaders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = SlowToList(None, listed(UNKNOWN), listed(leader=-1), listed())
    monkeypatch.setattr(topic_admin, "open_client", lambda *_: broker)
    assert create_missing(SETTINGS) == list(SETTINGS.topics.all())
    assert broker.looks_left == 1


def test_topics_that_are_never_listed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_admin, "open_client", lambda *_: SlowToList(listed(leader=-1)))
    with pytest.raises(KafkaFailed, match=r"does not list them all after 0\.1 s: .*x\.labels"):
        create_missing(SETTINGS, 0.1)
