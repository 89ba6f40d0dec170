"""The Kafka and Redis that a command works with: those of the settings, or embedded ones of its own.

Embedded servers write down where they listen, so that `understudy ask` in another terminal finds them.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.embedded_kafka import CLIENT_SETTINGS, EmbeddedKafka
from infra.local.embedded_redis import EmbeddedRedis
from streams.kafka.topics import create_missing, trigger_auto_create
from streams.settings import Settings, load_settings

DEFAULT_TASK = "default"

_BOOTSTRAP = "bootstrap.servers"


@dataclass(frozen=True, slots=True)
class Embedded:
    """Where this process's own servers listen.

    Attributes:
        pid: of the process that has them.
        kafka, redis: None where the settings name one.
    task: what is meant where a command names no task.
    """

    pid: int
    kafka: str | None
    redis: str | None
    task: str = DEFAULT_TASK


@contextmanager
def servers(settings: Settings, task: str = DEFAULT_TASK) -> Iterator[tuple[Settings, Embedded]]:
    """The settings completed with embedded servers for what they leave out; topics are there.

    Raises:
        LocalServerError: an embedded server does not start.
        KafkaFailed: the operator's broker can't be reached or refuses to make the topics.
    """
    with ExitStack() as stack:
        kafka = redis = None
        if _BOOTSTRAP not in settings.kafka:
            kafka = stack.enter_context(EmbeddedKafka()).bootstrap_servers
        if "url" not in settings.redis:
            redis = stack.enter_context(EmbeddedRedis()).url
        note = _note(settings)
        if redis:
            # Copies of policies that a Redis of an earlier run held would be taken for live ones.
            data = stack.enter_context(TemporaryDirectory(prefix="understudy-"))
            settings = settings.model_copy(update={"data": Path(data)})
        embedded = Embedded(os.getpid(), kafka, redis, task)
        completed = uses_embedded(settings, embedded)
        trigger_auto_create(completed) if kafka else create_missing(completed)
        if kafka or redis:
            stack.enter_context(_announced(note, embedded))
        yield completed, embedded


def uses_embedded(settings: Settings, embedded: Embedded) -> Settings:
    """Settings that lead to the embedded servers where they name none."""
    changes: dict[str, object] = {}
    if embedded.kafka:
        changes["kafka"] = {**settings.kafka, _BOOTSTRAP: embedded.kafka}
        changes["consumer"] = {**settings.consumer, **CLIENT_SETTINGS}
        changes["delivery"] = "at_least_once"
        changes["topic_ids"] = False
    if embedded.redis:
        changes["redis"] = {**settings.redis, "url": embedded.redis}
    return settings.model_copy(update=changes)


def client_settings() -> Settings:
    """Settings of a command that works on what another process runs: a configured Kafka, or the one embedded
    in a running `understudy up` or `understudy demo` of this user."""
    settings = load_settings()
    found = _running(settings)
    return uses_embedded(settings, found) if found else settings


def default_task(settings: Settings) -> str:
    """The task of a running demo, else `default`."""
    found = _running(settings)
    return found.task if found else DEFAULT_TASK


@contextmanager
def _announced(note: Path, embedded: Embedded) -> Iterator[None]:
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(asdict(embedded)))
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _running(settings: Settings) -> Embedded | None:
    try:
        found = Embedded(**json.loads(_note(settings).read_text()))
        os.kill(found.pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    kafka = found.kafka if settings.kafka.get(_BOOTSTRAP, found.kafka) == found.kafka else None
    redis = found.redis if "url" not in settings.redis else None
    return replace(found, kafka=kafka, redis=redis)


def _note(settings: Settings) -> Path:
    return settings.data / f"{settings.prefix}.embedded.json"
