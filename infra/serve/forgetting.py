"""Forgets a request or a task: in the workers, in Redis, and as far as possible in Kafka.

The steps, in this order:

    1. write to the topic `forgotten`: from then on no refit uses the texts
    2. one request: ask for a refit without it. A task: remove all that Redis keeps of it, and write again
       what step 1 wrote, for a router that has read Redis in between
    3. take back what was said of the right labels, in the topic `feedback`
    4. look through the topics; delete the start of `traces` if it holds nothing else

A message can't be removed from the middle of a topic: the broker deletes it later, with its segment file.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from infra.serve.accuracy import newest_feedback
from infra.serve.text_search import Sought, TopicFinding, cut_off, search, text_topics
from models.manifest import Manifest
from schemas.codec import FORGOTTEN
from schemas.messages import Forgotten
from streams.errors import KafkaFailed
from streams.feedback import feedback_key
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import Reader, write_messages
from streams.privacy.forgotten import forgotten_request
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.state.task_removal import remove_task

Answer = TypeVar("Answer")

_REASON = "a request is to be forgotten"


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What was done, and what stays.

    Attributes:
        at: Unix milliseconds; requests that were made by then are forgotten.
        topics: those that hold texts.
        redis_keys: that were removed.
        policies: versions that may have been fitted with the request, as (task, version).
        refits: tasks of which a refit was asked for.
        feedback: right labels that were taken back.
    """

    at: int
    topics: list[TopicFinding]
    redis_keys: int = 0
    policies: tuple[tuple[str, str], ...] = ()
    refits: tuple[str, ...] = ()
    feedback: int = 0


def forget_task(settings: Settings, task: str, at: int) -> ForgetReport:
    """Forget a task, as far as it was used by `at`.

    Raises:
        DeliveryFailed, KafkaFailed, StateUnavailable: a step failed; do it again, that does no harm.
    """
    marker = [Forgotten(task, at)]
    publish_forgotten(settings, marker)
    removed = _with_redis(settings, lambda connection: remove_task(connection, settings.keys, task))
    publish_forgotten(settings, marker)
    sought = Sought(None, task, at)
    feedback = _take_feedback_back(settings, sought)
    return ForgetReport(at, _topics(settings, sought), removed, feedback=feedback)


def forget_request(settings: Settings, request: str, task: str | None, at: int) -> ForgetReport:
    """Forget one request, in one task or in every one. Raises like `forget_task`."""
    known = (
        {task} if task else _with_redis(settings, lambda connection: _registry(settings, connection).tasks())
    )
    publish_forgotten(settings, (forgotten_request(name, request, at) for name in sorted(known)))
    sought = Sought(request, task, at)
    feedback = _take_feedback_back(settings, sought)
    topics = _topics(settings, sought)
    found = set().union(*(finding.tasks for finding in topics))
    publish_forgotten(settings, (forgotten_request(name, request, at) for name in sorted(found - known)))
    learned = next(one.tasks for one in topics if one.topic == settings.topics.traces)
    policies, refits = _with_redis(
        settings, lambda connection: _ask_for_refits(settings, connection, learned, at)
    )
    return ForgetReport(at, topics, policies=policies, refits=refits, feedback=feedback)


def _take_feedback_back(settings: Settings, sought: Sought) -> int:
    """Write a record without a value for each that is sought; how many."""
    try:
        reader = Reader(settings, settings.topics.feedback, from_start=True)
    except KafkaFailed:
        return 0
    keys = [
        feedback_key(one.task, one.id)
        for one in newest_feedback(reader)
        if sought.id in (None, one.id) and sought.task in (None, one.task) and one.given_at <= sought.until
    ]
    write_messages(settings, [Outgoing(settings.topics.feedback, key, None) for key in keys])
    return len(keys)


def publish_forgotten(settings: Settings, records: Iterable[Forgotten]) -> None:
    """Write to the topic what is to be forgotten."""
    write_messages(
        settings,
        [
            Outgoing(
                settings.topics.forgotten, f"{one.task}:{one.request or '*'}".encode(), FORGOTTEN.encode(one)
            )
            for one in records
        ],
    )


def _topics(settings: Settings, sought: Sought) -> list[TopicFinding]:
    """What the topics hold, after the start of `traces` is cut off."""
    findings = []
    for topic in text_topics(settings.topics):
        finding, cuts = search(settings, topic, sought)
        # Roles read the other topics from where they are: nothing is taken away under them.
        if topic != settings.topics.traces or not cut_off(settings, topic, cuts):
            finding.removed = 0
        findings.append(finding)
    return findings


async def _ask_for_refits(
    settings: Settings, connection: Connection, tasks: Iterable[str], at: int
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The versions that may have been fitted with the request, and the tasks whose refit was asked for."""
    registry, policies, asked = _registry(settings, connection), [], []
    queue = RefitQueue(connection, settings.keys)
    for task in sorted(tasks):
        for version in await registry.kept_versions(task):
            raw = await registry.manifest(task, version)
            if raw is not None and Manifest.decode(raw).created_at <= at:
                policies.append((task, version))
        if await registry.active(task) is not None:
            await queue.request(task, 0, _REASON)
            asked.append(task)
    return tuple(policies), tuple(asked)


def _registry(settings: Settings, connection: Connection) -> Registry:
    return Registry(connection, settings.keys, settings.policies_kept)


def _with_redis(settings: Settings, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    async def ask() -> Answer:
        connection = Connection(**settings.redis)
        try:
            return await question(connection)
        finally:
            await connection.aclose()

    return asyncio.run(ask())
