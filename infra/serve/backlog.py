"""Backlog: messages that no role has finished yet, and since when the oldest of each task wait."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message

from infra.serve.servers import redis_connection
from schemas.codec import DEFERRAL
from schemas.errors import InvalidMessage
from schemas.messages import Deferral
from streams.errors import KafkaFailed
from streams.kafka.backlog import UnreadRange, read_oldest, read_unread, teacher_lanes
from streams.kafka.message import as_bytes, time_of
from streams.settings import Settings
from streams.state.reply_dedup import ReplyDedup, ReplyPosition, question_of

_LOOKED_AT = 2_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages that nobody has finished yet; None where no worker of that role has ever read the topic.

    Attributes:
        requests: for the role `route`.
        deferrals, audits: for the role `teacher`; no audits where they stand among the deferrals.
        waiting: deferrals that the teacher has put off, since others of their task wait too.
        oldest: by lane (`deferrals`, `audits`, `waiting`) and task, since when the oldest without a reply
            waits, Unix milliseconds. The first 2,000 messages of each partition are looked at: a task that is
            not among them waits for less long.
        encodings: texts that wait for the role `encode`.
    """

    requests: int | None
    deferrals: int | None
    audits: int | None = 0
    oldest: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    waiting: int | None = 0
    encodings: int | None = 0

    def owed(self, now: int) -> dict[str, float]:
        """Seconds for which the teacher has owed each task a reply; `now` in Unix milliseconds."""
        waits: dict[str, float] = {}
        for task, since in (item for lane in self.oldest.values() for item in lane.items()):
            waits[task] = max(waits.get(task, 0.0), (now - since) / 1000)
        return waits


def read_backlog(settings: Settings) -> Backlog:
    """What waits for `route`, `encode` and `teacher`. Raises StateUnavailable: Redis is away."""
    topics = settings.topics
    requests = _unread(settings, "route", topics.requests)
    unread = {topic: _unread(settings, role, topic) for topic, role in teacher_lanes(topics).items()}
    oldest = {topic: asyncio.run(_oldest(settings, topic, found or [])) for topic, found in unread.items()}
    return Backlog(
        requests=_count(settings, requests),
        deferrals=_count(settings, unread[topics.deferrals]),
        audits=_count(settings, unread[topics.audits]) if topics.audit_lane else 0,
        waiting=_count(settings, unread[topics.waiting]),
        encodings=_count(settings, _unread(settings, "encode", topics.encodings)),
        oldest={topic.removeprefix(f"{topics.prefix}."): found for topic, found in oldest.items()},
    )


def oldest_by_task(deferrals: Sequence[tuple[Deferral, int]], replied: Sequence[bool]) -> dict[str, int]:
    """Since when the oldest deferral of each task waits, the longest first.

    Args:
        deferrals: each with the time at which it was written, Unix milliseconds.
        replied: whether it has a reply.
    """
    oldest: dict[str, int] = {}
    for (deferral, at), done in zip(deferrals, replied, strict=True):
        if not done:
            task = deferral.request.task
            oldest[task] = min(at, oldest.get(task, at))
    return dict(sorted(oldest.items(), key=lambda item: item[1]))


async def _oldest(settings: Settings, topic: str, unread: Sequence[UnreadRange]) -> dict[str, int]:
    """Without those that have a reply already: a group commits only up to its oldest unfinished message."""
    if not unread:
        return {}
    try:
        messages = await asyncio.to_thread(read_oldest, settings, topic, unread, _LOOKED_AT)
    except KafkaFailed:
        return {}
    deferrals = _decoded(messages, was_put_off=topic == settings.topics.waiting)
    places = [
        ReplyPosition(
            deferral.request.task,
            deferral.request.id,
            0,
            0,
            attempt=deferral.requested_at,
            question=question_of(deferral),
        )
        for deferral, _ in deferrals
    ]
    async with redis_connection(settings) as connection:
        replies = ReplyDedup(connection, settings.keys, settings.reply_memory)
        return oldest_by_task(deferrals, await replies.has_reply(places))


def _decoded(messages: Sequence[Message], *, was_put_off: bool) -> list[tuple[Deferral, int]]:
    """The deferrals, and since when they wait: on `waiting` for longer than they have stood there."""
    found = []
    for message in messages:
        try:
            deferral = DEFERRAL.decode(as_bytes(message.value()))
        except InvalidMessage:
            continue
        written = time_of(message)
        found.append((deferral, min(written, deferral.requested_at) if was_put_off else written))
    return found


def _unread(settings: Settings, role: str, topic: str) -> list[UnreadRange] | None:
    try:
        return read_unread(settings, role, topic)
    except KafkaFailed:
        return None


def _count(settings: Settings, unread: Sequence[UnreadRange] | None) -> int | None:
    if unread is None:
        return None
    least = 1 if settings.delivery == "exactly_once" else 0  # see `UnreadRange`
    return sum(one.count for one in unread if one.count > least)
