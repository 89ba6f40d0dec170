"""Opens Kafka clients. Their options: the user's over our defaults, and over both what delivery needs."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer

from streams.errors import InvalidSettings
from streams.kafka.client_log import LOGGER, log_error
from streams.kafka.delivery import AtLeastOnce, Delivery, ExactlyOnce
from streams.kafka.own_fence import OwnFence
from streams.settings import Settings

Options = dict[str, Any]
Client = TypeVar("Client")

FRAME_BYTES = 1_000
"""What Kafka's own format takes of a message's size, with room to spare."""

_MSK_LOGIN = "streams.kafka.msk_login"
_BATCHES_AHEAD = 5
_KILOBYTES_EACH = 4
_LEAST_AHEAD = 2_048
"""Kilobytes: two of the largest messages."""

_CLASSIC_GROUP: Options = {
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 6_000,
    "heartbeat.interval.ms": 1_500,
}


def consumer_options(settings: Settings, group: str, batch: int | None = None) -> Options:
    """Options of a role's consumer, member of `group`.

    Args:
        batch: messages that the role is handed at once; by default `settings.batch`. Only the next few are
            fetched ahead: a worker of all roles has a dozen consumers, which share its host's memory.
    """
    batch = batch or settings.batch
    return {
        **_common(settings),
        **({} if _new_protocol(settings) else _CLASSIC_GROUP),
        "auto.offset.reset": "earliest",
        # For so long, and not for five minutes, a group waits for a member that a broker keeps although it is
        # gone. Nobody of ours is silent for longer: who works on slow messages goes on polling.
        "max.poll.interval.ms": 60_000,
        "queued.min.messages": min(_BATCHES_AHEAD * batch, 10_000_000),
        "queued.max.messages.kbytes": max(_LEAST_AHEAD, _KILOBYTES_EACH * batch),
        **settings.latency_profile.consumer,
        **settings.consumer,
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
    }


def reader_options(settings: Settings) -> Options:
    """Options of a consumer that reads a whole topic to its end, and is in no group.

    A broker says that a partition has ended when it has waited for more, and who reads waits for that.
    """
    wait = settings.consumer.get("fetch.wait.max.ms", 100)
    return {**tail_options(settings), "fetch.wait.max.ms": wait}


def tail_options(settings: Settings) -> Options:
    """Options of a consumer that reads a whole topic and goes on reading, and is in no group.

    It lets the broker wait as a role's does: each empty answer wakes both sides, for as long as it runs.
    """
    return {**consumer_options(settings, f"{settings.prefix}.reader"), "enable.partition.eof": True}


def producer_options(settings: Settings) -> Options:
    """Options of any producer."""
    return {
        **_without_group(_common(settings)),
        # A dead letter is its message and more headers: a little over what clients send by default.
        "message.max.bytes": 1_040_000,
        **settings.latency_profile.producer,
        "batch.size": 1_000_000,
        "queue.buffering.max.messages": 1_000_000,
        "queue.buffering.max.kbytes": 1_048_576,
        **settings.producer,
        "enable.idempotence": True,
    }


def largest_message(settings: Settings) -> int:
    """Bytes that a message's value, key and headers may have together."""
    return int(producer_options(settings)["message.max.bytes"]) - FRAME_BYTES


def transactional_options(settings: Settings, transactional_id: str) -> Options:
    """Options of the producer of an exactly-once source."""
    return {
        "transaction.timeout.ms": 30_000,
        # A transaction right after another is refused until the broker has written that one's markers.
        # librdkafka's default of 100 ms, once or twice, was most of the latency of the slowest requests.
        "retry.backoff.ms": 5,
        **producer_options(settings),
        "transactional.id": transactional_id,
    }


def admin_options(settings: Settings) -> Options:
    return _without_group(_common(settings))


def open_role(
    settings: Settings,
    role: str,
    slot: str,
    batch: int | None = None,
    watched: Options | None = None,
    smallest_batch: int | None = None,
    own_fence: OwnFence | None = None,
) -> tuple[Consumer, Delivery]:
    """The consumer of a role's group, and what delivers its outputs.

    Args:
        slot: this worker among those of the role.
        batch: messages that the role is handed at once.
        watched: further options of the consumer, which tell how it is.
        smallest_batch: bytes that every topic takes at once; None where nobody knows.
        own_fence: of this role and slot, over all openings in this process.

    Raises:
        DeliveryFailed, DeliveryFatal: the broker grants no transactions to this worker.
        InvalidSettings: librdkafka refuses an option.
    """
    name = f"{settings.prefix}.{role}"
    # A member that has heard neither a message nor an end is not fetching (`streams.kafka.member_stall`).
    told = {**(watched or {}), "enable.partition.eof": True}
    consumer = open_client(Consumer, {**consumer_options(settings, name, batch), **told})
    if settings.delivery == "at_least_once":
        batched = _batched(producer_options(settings), smallest_batch)
        return consumer, AtLeastOnce(consumer, open_client(Producer, batched))
    transactional_id = f"{name}.{slot}"
    options = _batched(transactional_options(settings, transactional_id), smallest_batch)
    timeout = float(options["transaction.timeout.ms"]) / 1000.0
    producer = open_client(Producer, options)
    return consumer, ExactlyOnce(consumer, producer, transactional_id, timeout, own_fence=own_fence)


def open_reader(settings: Settings) -> Consumer:
    """A consumer that is in no group, and reads to the end."""
    return open_client(Consumer, reader_options(settings))


def open_tail(settings: Settings) -> Consumer:
    """A consumer that is in no group, and goes on reading."""
    return open_client(Consumer, tail_options(settings))


def open_peeker(settings: Settings) -> Consumer:
    """A consumer that is in no group and fetches little ahead, for a look at single messages."""
    little = {"queued.min.messages": 1, "queued.max.messages.kbytes": 1_024}
    return open_client(Consumer, {**reader_options(settings), **little})


def open_group_observer(settings: Settings, role: str) -> Consumer:
    """A consumer that can be asked how far a role's group has read. It must not subscribe to anything."""
    return open_observer(settings, f"{settings.prefix}.{role}")


def open_observer(settings: Settings, group: str) -> Consumer:
    """The same for any group by its whole name."""
    return open_client(Consumer, consumer_options(settings, group))


def open_writer(settings: Settings) -> Producer:
    """A producer of single messages."""
    return open_client(Producer, producer_options(settings))


def check_options(settings: Settings) -> None:
    """Open and close each kind of client, so that an option that librdkafka refuses shows at the start.

    Raises:
        InvalidSettings: names the option.
    """
    open_client(Consumer, consumer_options(settings, f"{settings.prefix}.check")).close()
    open_client(Producer, producer_options(settings)).close()


def open_client(kind: Callable[[Options], Client], options: Options) -> Client:
    """A client with these options; nothing is connected yet.

    Raises:
        InvalidSettings: librdkafka knows no such option, or refuses its value.
    """
    try:
        return kind(options)
    except KafkaException as error:
        raise InvalidSettings([f"Kafka client option refused: {error.args[0].str()}"]) from error
    except (TypeError, ValueError) as error:
        raise InvalidSettings([f"Kafka client option refused: {error}"]) from error


def _batched(options: Options, smallest_batch: int | None) -> Options:
    """With batches that every topic takes: a broker refuses a batch that is too large like a message."""
    if smallest_batch is None:
        return options
    return {**options, "batch.size": max(1, min(int(options["batch.size"]), smallest_batch - FRAME_BYTES))}


def _new_protocol(settings: Settings) -> bool:
    """With KIP-848's protocol the broker sets these, and librdkafka refuses them."""
    return {**settings.kafka, **settings.consumer}.get("group.protocol") == "consumer"


def _without_group(options: Options) -> Options:
    """A client that is in no group warns of such options at each start."""
    return {name: value for name, value in options.items() if not name.startswith("group.")}


def _common(settings: Settings) -> Options:
    return {
        "bootstrap.servers": "127.0.0.1:9092",
        "client.id": "understudy",
        "log.connection.close": False,
        # librdkafka's default of ten seconds makes an outage of the broker that much longer.
        "reconnect.backoff.max.ms": 1_000,
        "logger": LOGGER,
        "error_cb": log_error,
        **(_msk_login(settings.msk_region) if settings.msk_region else {}),
        **settings.kafka,
    }


@cache
def _msk_login(region: str) -> Options:
    """One for all clients, so that they share their tokens.

    Raises:
        InvalidSettings: the extra `msk` is not installed.
    """
    try:
        options: Options = import_module(_MSK_LOGIN).login_options(region)
    except ModuleNotFoundError as error:
        problem = f"`msk_region` (UNDERSTUDY_MSK_REGION): needs {error.name}: pip install 'understudy[msk]'"
        raise InvalidSettings([problem]) from error
    return options
