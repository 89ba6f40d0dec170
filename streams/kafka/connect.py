"""Opens the clients of a source, a reader or a writer. Nothing is connected before that."""

from confluent_kafka import Consumer, Producer

from streams.kafka.clients import (
    Options,
    consumer_options,
    producer_options,
    reader_options,
    transactional_options,
)
from streams.kafka.delivery import AtLeastOnce, Delivery, ExactlyOnce
from streams.settings import Settings

# Longer than any batch of the teacher's may take (`streams.teacher.client`).
_PATIENT: dict[str, Options] = {"teacher": {"max.poll.interval.ms": 1_800_000}}


def open_role(settings: Settings, role: str, slot: str) -> tuple[Consumer, Delivery]:
    """The consumer of a role's group, and what delivers its outputs.

    Args:
        slot: this worker among those of the role.

    Raises:
        DeliveryFailed, DeliveryFatal: the broker grants no transactions to this worker.
    """
    name = f"{settings.prefix}.{role}"
    consumer = Consumer(consumer_options(settings, name) | _PATIENT.get(role, {}))
    if settings.delivery == "at_least_once":
        return consumer, AtLeastOnce(consumer, Producer(producer_options(settings)))
    transactional_id = f"{name}.{slot}"
    producer = Producer(transactional_options(settings, transactional_id))
    return consumer, ExactlyOnce(consumer, producer, transactional_id)


def open_reader(settings: Settings) -> Consumer:
    """A consumer that is in no group."""
    return Consumer(reader_options(settings))


def open_group_observer(settings: Settings, role: str) -> Consumer:
    """A consumer that can be asked how far a role's group has read. It must not subscribe to anything."""
    return Consumer(consumer_options(settings, f"{settings.prefix}.{role}"))


def open_writer(settings: Settings) -> Producer:
    """A producer of single messages."""
    return Producer(producer_options(settings))
