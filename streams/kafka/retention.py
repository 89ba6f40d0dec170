"""Retention of a topic: how long the broker keeps its messages, and setting it for `traces`.

Kafka deletes whole segment files: one goes once its newest message is older than `retention.ms`, and a new
one is begun each `segment.ms` (a week, unless somebody says otherwise). So a message may stand in a topic for
the sum of both. Where the retention of `traces` is set, its segments therefore last a day or less.
"""

from concurrent.futures import TimeoutError as Overdue
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from streams.errors import KafkaFailed
from streams.kafka.clients import admin_options
from streams.settings import Settings

RETENTION, SEGMENT = "retention.ms", "segment.ms"
DAY = 24 * 3600 * 1000
_PROMPTLY = 5.0

NOT_ANSWERED = frozenset(
    {KafkaError._UNSUPPORTED_FEATURE, KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT}
)
"""How a broker that has no such request answers an admin client."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Attributes, milliseconds:
    kept: for which a message is kept at least; None for ever.
    segment: for which a segment file grows.
    """

    kept: int | None
    segment: int

    def latest_removal(self, written_at: int) -> int | None:
        """When the broker has removed a message at the latest, give or take the minutes between its checks.

        Args:
            written_at: Unix milliseconds.

        Returns:
            Unix milliseconds; None for never.
        """
        return None if self.kept is None else written_at + self.kept + self.segment


def traces_options(settings: Settings) -> dict[str, str]:
    """Topic configs of `traces` that say how long it keeps what stands there."""
    if settings.traces_retention is None:
        return {RETENTION: "-1"}
    kept = round(settings.traces_retention * DAY)
    return {RETENTION: str(kept), SEGMENT: str(min(DAY, kept))}


def read_retention(settings: Settings, topic: str) -> Retention | None:
    """What the broker does with a topic; None where it does not say, as librdkafka's broker in memory.

    Raises:
        KafkaFailed: there is no such topic, or the broker refuses.
    """
    admin = AdminClient(admin_options(settings))
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        entries = admin.describe_configs([resource], request_timeout=_PROMPTLY)[resource].result(
            2 * _PROMPTLY
        )
        kept, segment = (int(entries[name].value) for name in (RETENTION, SEGMENT))
    except KafkaException as error:
        if error.args[0].code() in NOT_ANSWERED:
            return None
        raise KafkaFailed(
            f"could not read the retention of a topic: {error.args[0].str()}, topic={topic}"
        ) from error
    except Overdue:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise KafkaFailed(f"could not read the retention of a topic: {error!r}, topic={topic}") from error
    return Retention(None if kept < 0 else kept, segment)


def apply_traces_retention(settings: Settings, topic: str) -> bool:
    """Set the retention of traces for a topic that is there, if the settings name one and it has another.

    Args:
        topic: `traces`, or `audit-failures`, which is kept as long.

    Returns:
        Whether it was changed.

    Raises:
        KafkaFailed: the broker can't be reached, or refuses.
    """
    if settings.traces_retention is None:
        return False
    wanted = traces_options(settings)
    found = read_retention(settings, topic)
    if found is not None and {RETENTION: str(found.kept), SEGMENT: str(found.segment)} == wanted:
        return False
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in wanted.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient(admin_options(settings))
    try:
        admin.incremental_alter_configs([resource], request_timeout=_PROMPTLY)[resource].result(_PROMPTLY)
    except (KafkaException, Overdue) as error:
        raise KafkaFailed(f"could not set the retention of a topic: {error}, topic={topic}") from error
    return True
