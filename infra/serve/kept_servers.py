"""A Kafka and a Redis of our own whose data is kept in a folder: one machine, and nothing else to install.

A server that ends by itself is started again. After `kill -9` of everything, `up` with the same folder goes
on where it was: same ports, topics, offsets and policies.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.local.apache_kafka import ApacheKafka
from infra.local.data_folder import DataFolder
from infra.local.embedded_redis import EmbeddedRedis, RedisHome
from infra.local.kafka_home import KafkaHome
from infra.local.restarted import RestartedServer
from infra.serve.server_note import Embedded, announce, note_file, refuse_second
from infra.serve.servers import named_servers, uses_embedded
from streams.errors import InvalidSettings
from streams.kafka.clients import check_options
from streams.kafka.topic_admin import create_missing
from streams.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptPlace:
    """What an operator says about servers whose data is kept.

    Attributes:
        folder: for the data.
        kafka_port, redis_port: on 127.0.0.1; None for those that the folder remembers.
        kafka_jars: folder with the jars of an Apache Kafka; None for our own, fetched once.
    """

    folder: Path
    kafka_port: int | None = None
    redis_port: int | None = None
    kafka_jars: Path | None = None


@contextmanager
def kept_servers(settings: Settings, place: KeptPlace) -> Iterator[tuple[Settings, Embedded]]:
    """The servers with all topics, and settings that lead to them.

    Raises:
        InvalidSettings: the settings name a Kafka or a Redis, or an option is refused.
        LocalServerError: the folder can't be used, a program is missing, or a server does not start.
        KafkaFailed: the broker refuses to make the topics.
    """
    if named := named_servers(settings):
        raise InvalidSettings(
            [f"{variable} is set: `--data` is for servers of its own" for variable in named]
        )
    note = note_file(settings)
    refuse_second(note)
    with ExitStack() as stack:
        folder = stack.enter_context(DataFolder(place.folder, place.kafka_port, place.redis_port))
        log.info("starting Apache Kafka and Redis, which check their data first: folder=%s", folder.path)
        start_kafka = partial(ApacheKafka, _kafka_home(folder), place.kafka_jars)
        stack.enter_context(RestartedServer("Apache Kafka", start_kafka))
        start_redis = partial(EmbeddedRedis, home=_redis_home(folder))
        stack.enter_context(RestartedServer("Redis", start_redis))
        folder.make_audit_key()
        embedded = Embedded(
            os.getpid(),
            f"127.0.0.1:{folder.marker.kafka_port}",
            f"redis://127.0.0.1:{folder.marker.redis_port}/0",
            data=str(folder.path),
        )
        completed = uses_embedded(settings, embedded)
        check_options(completed)
        create_missing(completed)
        stack.enter_context(announce(note, embedded))
        yield completed, embedded


def _kafka_home(folder: DataFolder) -> KafkaHome:
    ports = folder.marker
    return KafkaHome(folder.room("kafka"), ports.kafka_port, ports.controller_port, folder.keeping("kafka"))


def _redis_home(folder: DataFolder) -> RedisHome:
    return RedisHome(folder.room("redis"), folder.marker.redis_port, folder.keeping("redis"))
