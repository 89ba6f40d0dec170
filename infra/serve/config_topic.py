"""The config topic for commands: the newest valid message of each key."""

from infra.console.output import note
from schemas.config import Override
from schemas.errors import InvalidConfig
from schemas.secrets import remember_config_secrets
from streams.kafka.topic_client import Reader
from streams.roles.config import NewestConfig
from streams.settings import Settings


def read_overrides(settings: Settings) -> dict[str, Override]:
    """What each key (a task, or `*`) sets; an invalid message is skipped with a note.

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
                note(f"skipped an invalid config message: {error}")
            else:
                remember_config_secrets(override)
                overrides[task] = override
    finally:
        reader.close()
    return overrides
