"""Known tasks: those that are configured, have a policy, or had requests lately; and how one is ended."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from infra.serve.config_topic import read_overrides
from infra.serve.forgetting import publish_forgotten
from infra.serve.servers import redis_connection
from models.manifest import Manifest
from schemas.codec import EVENT, LABEL
from schemas.config import EVERY_TASK, Override, config_of
from schemas.events import TaskRetiredDetails
from schemas.messages import Forgotten, Label
from streams.errors import StateUnreadable
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import Reader, read_records, write_messages
from streams.settings import Settings
from streams.state.registry import Registry
from streams.state.task_removal import remove_task

Source = Literal["config", "policy", "requests"]
_NEWEST = 2_000


@dataclass(frozen=True, slots=True)
class KnownTask:
    """Attributes:
    source: why it is known: it is `config`ured, or else has a `policy`, or else had `requests` lately.
    mode: that of its chat completions; `paused` where everything is deferred.
    version: that is live; None without one, or where Redis holds what can't be read.
    traces: that it was fitted on.
    last_request: Unix milliseconds, of the newest labels; None where none of them is the task's.
    """

    task: str
    source: Source
    mode: str
    version: str | None
    traces: int | None
    last_request: int | None


def list_tasks(settings: Settings, overrides: Mapping[str, Override]) -> list[KnownTask]:
    """All known tasks, by name. Raises KafkaFailed, StateUnavailable."""
    reader = Reader(settings, settings.topics.labels, newest=_NEWEST)
    last = newest_requests(label for label, _ in read_records(reader, LABEL))
    live = asyncio.run(_live_versions(settings))
    return known_tasks(overrides, live, last)


def named_tasks(settings: Settings) -> list[str]:
    """The tasks that are configured or had requests lately, by name. Raises KafkaFailed."""
    configured = {task for task, override in read_overrides(settings).items() if override} - {EVERY_TASK}
    reader = Reader(settings, settings.topics.labels, newest=_NEWEST)
    return sorted(configured | {label.task for label, _ in read_records(reader, LABEL)})


def is_known(settings: Settings, task: str) -> bool:
    """Whether anything is known of a task: versions, traces, config, or requests lately.

    Raises:
        KafkaFailed, StateUnavailable: a server is away; Kafka is not asked where Redis knows the task.
    """
    if asyncio.run(_has_state(settings, task)) or read_overrides(settings).get(task):
        return True
    reader = Reader(settings, settings.topics.labels, newest=_NEWEST)
    return any(label.task == task for label, _ in read_records(reader, LABEL))


async def _has_state(settings: Settings, task: str) -> bool:
    async with redis_connection(settings) as connection:
        registry = Registry(connection, settings.keys, settings.policies_kept)
        if task in await registry.tasks() or await registry.history(task):
            return True
        return await registry.certifying_traces(task) is not None


def newest_requests(labels: Iterable[Label]) -> dict[str, int]:
    """The time of the newest request of each task."""
    newest: dict[str, int] = {}
    for label in labels:
        newest[label.task] = max(label.requested_at, newest.get(label.task, 0))
    return newest


def known_tasks(
    overrides: Mapping[str, Override],
    live: Mapping[str, tuple[str | None, int | None]],
    last: Mapping[str, int],
) -> list[KnownTask]:
    """The tasks in any of these, by name; one whose config is taken back is not configured.

    Args:
        live: version and its traces of each task that has policies.
    """
    configured = {task for task, override in overrides.items() if override} - {EVERY_TASK}
    found = []
    for task in sorted({*configured, *live, *last}):
        config, (version, traces) = config_of(task, overrides), live.get(task, (None, None))
        source: Source = "config" if task in configured else "policy" if task in live else "requests"
        mode = "paused" if config.paused else config.chat.mode
        found.append(KnownTask(task, source, mode, version, traces, last.get(task)))
    return found


def retire_task(settings: Settings, task: str, by: str, reason: str, at: int) -> int:
    """End a task: take back its config, drop its policies everywhere, remove its state, and say so.

    Its requests up to now train nothing any more, so that a task of that name begins anew.

    Args:
        at: Unix milliseconds.

    Returns:
        How many keys were removed from Redis.

    Raises:
        DeliveryFailed, KafkaFailed, StateUnavailable: a step failed; do it again, that does no harm.
    """
    marker = [Forgotten(task, at)]
    write_messages(settings, [Outgoing(settings.topics.config, task.encode(), None)])
    publish_forgotten(settings, marker)
    removed = asyncio.run(_remove(settings, task))
    publish_forgotten(settings, marker)  # again, for a router that has read Redis in between
    sentence = f"task {task} is retired by {by}: {reason}"
    event = TaskRetiredDetails(by, reason, removed).event(task, at, sentence)
    write_messages(settings, [Outgoing(settings.topics.events, task.encode(), EVENT.encode(event))])
    return removed


async def _remove(settings: Settings, task: str) -> int:
    async with redis_connection(settings) as connection:
        return await remove_task(connection, settings.keys, task)


async def _live_versions(settings: Settings) -> dict[str, tuple[str | None, int | None]]:
    async with redis_connection(settings) as connection:
        registry = Registry(connection, settings.keys, settings.policies_kept)
        return {task: await _live_version(registry, task) for task in await registry.tasks()}


async def _live_version(registry: Registry, task: str) -> tuple[str | None, int | None]:
    try:
        active = await registry.active(task)
    except StateUnreadable:
        return None, None
    raw = await registry.manifest(task, active.version) if active else None
    return (active.version if active else None), (Manifest.decode(raw).traces if raw else None)
