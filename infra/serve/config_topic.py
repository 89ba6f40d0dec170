"""The config topic for commands: what is set now, and a change that loses no other one."""

from infra.console.output import note
from schemas.config import Override
from schemas.errors import InvalidConfig
from streams.changes.config_writer import ConfigWriter, Decide
from streams.changes.newest_overrides import newest_overrides
from streams.settings import Settings


def read_overrides(settings: Settings) -> dict[str, Override]:
    """What each key (a task, or `*`) sets; an invalid message is skipped with a note.

    Raises:
        KafkaFailed: the broker does not answer, or has no config topic.
    """
    return newest_overrides(settings, _note_invalid)


def write_config(settings: Settings, decide: Decide) -> None:
    """Write what is decided on the newest config; see `ConfigWriter.write`."""
    ConfigWriter(settings, _note_invalid).write(decide)


def _note_invalid(error: InvalidConfig) -> None:
    note(f"skipped an invalid config message: {error}")
