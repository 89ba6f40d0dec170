"""Creates the topics that are missing, with the options that each needs, and reads topic ids."""

import time
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.errors import KafkaFailed
from streams.kafka.clients import admin_options, open_client
from streams.kafka.retention import DAY, RETENTION, traces_options
from streams.settings import Settings

_PROMPTLY = 15.0
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be.

    Attributes:
        options: topic configs of Kafka; what is not named is the broker's default.
        partitions: when it is created.
    """

    name: str
    options: dict[str, str]
    partitions: int


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """All topics. Traces and failed audits are the source of truth and are kept; some are kept by key.

    The config has one partition: so its messages have one order, whichever client writes them.
    """
    topics, by_key = settings.topics, {"cleanup.policy": "compact"}
    kept = {
        topics.traces: traces_options(settings),
        topics.audit_failures: traces_options(settings),
        topics.config: by_key,
        topics.feedback: by_key,
        topics.forgotten: by_key,
    }
    week = {RETENTION: str(7 * DAY)}
    return [
        TopicSpec(name, kept.get(name, week), 1 if name == topics.config else settings.partitions)
        for name in topics.all()
    ]


def create_missing(settings: Settings, seconds: float = _PROMPTLY) -> list[str]:
    """Make the topics that are missing; their names. Those that exist stay as they are.

    A broker that has made a topic may deny it for a moment, so this returns once it lists them all.

    Args:
        seconds: for each answer of the broker, and for the list.

    Raises:
        KafkaFailed: the broker can't be reached, or refuses.
    """
    admin = open_client(AdminClient, admin_options(settings))
    try:
        present = admin.list_topics(timeout=seconds).topics
        missing = [topic for topic in topic_specs(settings) if topic.name not in present]
        if not missing:
            return []
        futures = admin.create_topics(
            [
                NewTopic(topic.name, topic.partitions, settings.replication, config=topic.options)
                for topic in missing
            ],
            request_timeout=seconds,
        )
        created = [name for name, future in futures.items() if _was_created(future)]
        _wait_until_listed(admin, futures.keys(), seconds)
    except KafkaException as error:
        raise KafkaFailed(f"could not create topics: {error.args[0].str()}") from error
    return created


def _was_created(future: Future[None]) -> bool:
    """Whether this process has created the topic; another one may have been faster."""
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise
    return True


def _wait_until_listed(admin: AdminClient, names: Collection[str], seconds: float) -> None:
    """Raises KafkaFailed: after these seconds the broker does not list a topic, or a partition's leader."""
    end = time.monotonic() + seconds
    while not _are_listed(admin, names, seconds):
        if time.monotonic() > end:
            raise KafkaFailed(
                f"topics were created, and the broker does not list them all after {seconds:g} s: "
                f"{', '.join(sorted(names))}"
            )
        time.sleep(_POLL)


def _are_listed(admin: AdminClient, names: Collection[str], seconds: float) -> bool:
    listed = admin.list_topics(timeout=seconds).topics
    return all(
        name in listed
        and listed[name].error is None
        and all(partition.leader >= 0 for partition in listed[name].partitions.values())
        for name in names
    )


class TopicIds:
    """Asks the broker which topic a name stands for, over one connection that the first question opens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, topic: str) -> str:
        """What the broker knows a topic by: another one once it was deleted and made again.

        Empty where the broker names none (before Kafka 2.8), or is not to be asked.

        Raises:
            KafkaFailed: the broker can't be reached, or there is no such topic.
        """
        if not self._settings.topic_ids:
            return ""
        try:
            uuid = self._admin.describe_topics(TopicCollection([topic]))[topic].result(_PROMPTLY).topic_id
        except (KafkaException, TimeoutError) as error:
            raise KafkaFailed(f"could not read the id of a topic: {error}, topic={topic}") from error
        return str(uuid) if uuid.get_most_significant_bits() or uuid.get_least_significant_bits() else ""

    @cached_property
    def _admin(self) -> AdminClient:
        return open_client(AdminClient, admin_options(self._settings))


def trigger_auto_create(settings: Settings) -> None:
    """Bring the topics into being on a broker that makes them when they are first asked for."""
    admin = open_client(AdminClient, admin_options(settings))
    for name in settings.topics.all():
        admin.list_topics(name, timeout=_PROMPTLY)
