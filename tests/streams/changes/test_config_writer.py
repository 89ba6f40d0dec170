"""What is written rests on the newest config: a change that comes in between is never overwritten."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from infra.harness.deployment import fresh_prefix
from schemas.config import Override
from schemas.errors import InvalidConfig
from streams.changes.config_writer import ConfigWriter
from streams.changes.newest_overrides import newest_overrides
from streams.errors import ChangeOutdated
from streams.kafka.batch import Outgoing
from streams.kafka.topic_admin import create_missing
from streams.settings import Settings

Overrides = Mapping[str, Override]


@pytest.fixture
def settings(kafka: str) -> Settings:
    made = Settings(kafka={"bootstrap.servers": kafka}, prefix=fresh_prefix("writer"))
    create_missing(made)
    return made


def refuse(error: InvalidConfig) -> None:
    raise error


def merged(settings: Settings, overrides: Overrides, **fields: Any) -> list[Outgoing]:
    raw = msgspec.json.encode({**overrides.get("t", {}), **fields})
    return [Outgoing(settings.topics.config, b"t", raw)]


def test_a_change_that_comes_in_between_is_kept(settings: Settings) -> None:
    first, second, seen = ConfigWriter(settings), ConfigWriter(settings), list[Override]()

    def decide(overrides: Overrides) -> list[Outgoing]:
        seen.append(overrides.get("t", {}))
        if len(seen) == 1:
            second.write(lambda known: merged(settings, known, paused=True))
        return merged(settings, overrides, target_agreement=0.97)

    first.write(decide)
    assert seen == [{}, {"paused": True}]
    assert newest_overrides(settings, refuse) == {"t": {"paused": True, "target_agreement": 0.97}}


def test_what_is_refused_is_not_written_and_hinders_nobody(settings: Settings) -> None:
    def refusing(_: Overrides) -> list[Outgoing]:
        raise ChangeOutdated("it has changed")

    def hurried(overrides: Overrides) -> list[Outgoing]:
        ConfigWriter(settings).write(lambda known: merged(settings, known, delta=0.01))
        return merged(settings, overrides, target_agreement=0.97)

    for decide in (refusing, hurried):
        with pytest.raises(ChangeOutdated):
            ConfigWriter(settings).write(decide)
    assert newest_overrides(settings, refuse) == {"t": {"delta": 0.01}}
    careless = settings.model_copy(update={"delivery": "at_least_once"})
    ConfigWriter(careless).write(lambda known: merged(settings, known, paused=True))
    assert newest_overrides(settings, refuse) == {"t": {"delta": 0.01, "paused": True}}
