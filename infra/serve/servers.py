"""The Kafka and Redis that a command works with: those of the settings, or embedded ones.

Embedded servers write down where they listen, so that `understudy ask` in another terminal finds them.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from pydantic import SecretStr

from infra.console.logs import configure_logging
from infra.local.data_folder import audit_key_in
from infra.local.embedded_kafka import CLIENT_SETTINGS, EmbeddedKafka
from infra.local.embedded_redis import EmbeddedRedis
from infra.serve.server_note import (
    DEFAULT_TASK,
    Embedded,
    announce,
    note_file,
    read_note,
    refuse_second,
)
from schemas.redis_keys import Keys
from streams.errors import InvalidSettings, StateUnavailable
from streams.kafka.clients import check_options
from streams.kafka.topic_admin import create_missing, trigger_auto_create
from streams.settings import PREFIX, Settings, load_settings
from streams.state.connection import Connection

Store = TypeVar("Store")
Answer = TypeVar("Answer")

_BOOTSTRAP = "bootstrap.servers"
_KAFKA_VARIABLE, _REDIS_VARIABLE = f"{PREFIX}KAFKA__BOOTSTRAP_SERVERS", f"{PREFIX}REDIS__URL"
_TRIAL_KEY = "key-of-a-trial"
"""What is only tried out needs no secret: it is the same for all workers, and that is enough."""
_HALF = (
    "{given} is set and {missing} is not: an embedded server would forget at its end what your own server "
    "relies on. Set both, or neither to try embedded ones"
)


@contextmanager
def servers(settings: Settings) -> Iterator[tuple[Settings, Embedded | None]]:
    """The configured servers, with all topics; where the settings name none, embedded ones.

    Raises:
        InvalidSettings: one of Kafka and Redis is configured and the other is not, or an option is refused.
        LocalServerError: an embedded server does not start, or another process has some already.
        KafkaFailed: the configured broker can't be reached or refuses to make the topics.
    """
    named = named_servers(settings)
    if len(named) == 1:
        [missing] = {_KAFKA_VARIABLE, _REDIS_VARIABLE} - set(named)
        raise InvalidSettings([_HALF.format(given=named[0], missing=missing)])
    if named:
        check_options(settings)
        create_missing(settings)
        yield settings, None
    else:
        with embedded_servers(settings) as pair:
            yield pair


def named_servers(settings: Settings) -> list[str]:
    """Which of Kafka and Redis the settings name: the variables that do so."""
    given = {_KAFKA_VARIABLE: settings.kafka.get(_BOOTSTRAP), _REDIS_VARIABLE: settings.redis.get("url")}
    return [variable for variable, value in given.items() if value]


@contextmanager
def embedded_servers(settings: Settings, task: str = DEFAULT_TASK) -> Iterator[tuple[Settings, Embedded]]:
    """An embedded Kafka with all topics and an embedded Redis, and settings that lead to them.

    Args:
        settings: name neither Kafka nor Redis; their other options stay.
        task: what clients mean where they name none.

    Raises:
        InvalidSettings: an option is refused.
        LocalServerError: a server does not start, or another process has embedded ones under this prefix.
    """
    note = note_file(settings)
    refuse_second(note)
    with ExitStack() as stack:
        kafka = stack.enter_context(EmbeddedKafka()).bootstrap_servers
        redis = stack.enter_context(EmbeddedRedis()).url
        # Copies of policies that a Redis of an earlier run held would be taken for live ones.
        data = stack.enter_context(TemporaryDirectory(prefix="understudy-"))
        embedded = Embedded(os.getpid(), kafka, redis, task)
        completed = uses_embedded(settings, embedded).model_copy(update={"data": Path(data)})
        check_options(completed)
        trigger_auto_create(completed)
        stack.enter_context(announce(note, embedded))
        yield completed, embedded


def uses_embedded(settings: Settings, embedded: Embedded) -> Settings:
    """Settings that lead to embedded servers, with the audit key of these where there is no other.

    Raises:
        UnusableFolder: the key of their folder can't be read.
    """
    changes: dict[str, object] = {
        "kafka": {**settings.kafka, _BOOTSTRAP: embedded.kafka},
        "redis": {**settings.redis, "url": embedded.redis},
    }
    if "audit_key" not in settings.model_fields_set:
        key = _TRIAL_KEY if embedded.data is None else audit_key_in(Path(embedded.data))
        changes["audit_key"] = SecretStr(key)
    if embedded.data is None:
        changes |= {
            "consumer": {**settings.consumer, **CLIENT_SETTINGS},
            "delivery": "at_least_once",
            "topic_ids": False,
        }
    else:
        # All workers on a machine share their slots, so that none takes the transactional id of another.
        changes["data"] = Path(embedded.data) / "workers"
    return settings.model_copy(update=changes)


def running_settings() -> Settings:
    """Settings of a process that works with what another one runs.

    That is the configured Kafka and Redis or, without such settings, those embedded in a running
    `understudy up` or `understudy demo` of this user.
    """
    settings = load_settings()
    found = _running(settings)
    return uses_embedded(settings, found) if found else settings


def client_settings() -> Settings:
    """Settings of a command that reads or writes what workers run, as `running_settings`.

    What libraries log is left out: the command says itself what fails.
    """
    configure_logging(logging.ERROR)
    return running_settings()


def default_task(settings: Settings) -> str:
    """The task of a running demo, else `default`."""
    found = _running(settings)
    return found.task if found else DEFAULT_TASK


@asynccontextmanager
async def redis_connection(settings: Settings) -> AsyncIterator[Connection]:
    """A connection to Redis for one command.

    Raises:
        InvalidSettings: redis-py refuses an option.
        StateUnavailable: Redis does not answer; says what to do.
    """
    connection = Connection(**settings.redis)
    try:
        yield connection
    except StateUnavailable as error:
        raise StateUnavailable(
            f"Redis does not answer ({error.__cause__}): is `understudy up` running, or "
            f"{_REDIS_VARIABLE} set?"
        ) from error
    finally:
        await connection.aclose()


def ask_redis(
    settings: Settings,
    open_store: Callable[[Connection, Keys], Store],
    ask: Callable[[Store], Awaitable[Answer]],
) -> Answer:
    """What a store in Redis answers, over a connection of its own. Raises as `redis_connection`."""

    async def run() -> Answer:
        async with redis_connection(settings) as connection:
            return await ask(open_store(connection, settings.keys))

    return asyncio.run(run())


def _running(settings: Settings) -> Embedded | None:
    """The running embedded servers, unless the settings name others."""
    found = read_note(note_file(settings))
    if found is None:
        return None
    kafka, redis = settings.kafka.get(_BOOTSTRAP, found.kafka), settings.redis.get("url", found.redis)
    return found if (kafka, redis) == (found.kafka, found.redis) else None
