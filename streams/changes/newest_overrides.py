"""Newest overrides: what each key of the config topic sets now, read from the topic to its end."""

from collections.abc import Callable

from schemas.config import Override
from schemas.errors import InvalidConfig
from schemas.secrets import remember_config_secrets
from streams.kafka.topic_client import Reader
from streams.roles.config import NewestConfig
from streams.settings import Settings

OnInvalid = Callable[[InvalidConfig], None]
"""Is told of each message that sets nothing."""


def newest_overrides(settings: Settings, on_invalid: OnInvalid) -> dict[str, Override]:
    """What each key (a task, or `*`) sets, by its newest valid message.

    Raises:
        KafkaFailed: the broker does not answer, or has no config topic.
    """
    reader = Reader(settings, settings.topics.config, from_start=True)
    overrides: dict[str, Override] = {}
    newest = NewestConfig()
    try:
        for message in reader.to_end():
            try:
                task, override = newest.add(message)
            except InvalidConfig as error:
                on_invalid(error)
            else:
                remember_config_secrets(override)
                overrides[task] = override
    finally:
        reader.close()
    return overrides
