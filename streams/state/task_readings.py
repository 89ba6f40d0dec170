"""Readings of many tasks at once: what the status of each follows from, in few round trips.

A task at a time takes a dozen of them, which for 200 tasks is a second of the event loop.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from models.study import RepeatCounts
from schemas.redis_keys import Keys
from streams.certify.history import CertificatePoint, decode_points
from streams.certify.status import FIELDS, CertificateStatus, decode_status
from streams.errors import StateUnreadable
from streams.sampling import SamplingState
from streams.state.connection import Connection, as_text, is_wrong_type
from streams.state.serving_state import REPLIES, decode_serving_state, queue_serving_state
from streams.versions.serving_state import ServingState

_AT_ONCE = 25
"""Tasks in one transaction: Redis does nothing else meanwhile."""
_UNUSED = {"labels", "new_labels", "proven_n", "proven_k", "unanswered", "alarms", "updated_at"}
_SHOWN = tuple(name for name in FIELDS if name not in _UNUSED)
_OF_SERVICE = ("n", "k", "pending", "bound", "until", "target", "certified", "suspended")

Queue = Callable[[Pipeline, str], Any]
Decoded = TypeVar("Decoded")


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """What the audits of a live version say, as far as a status shows it; without counts by label.

    Attributes:
        certifying: sampled traces that the next refit may certify on; None where no trainer says so now.
    """

    certificate: CertificateStatus
    service: CertificateStatus
    sampling: SamplingState
    repeats: RepeatCounts
    certifying: int | None


class TaskReadings:
    """Every method raises StateUnavailable while Redis can't be used.

    What can't be read of one task stands in its place, and concerns no other.
    """

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def serving_states(self, tasks: Iterable[str]) -> dict[str, ServingState | StateUnreadable]:
        """The serving state of each task, all its parts as of one moment."""

        def queue(pipeline: Pipeline, task: str) -> None:
            queue_serving_state(pipeline, self._keys, task)

        read = self._read(tasks, REPLIES, queue, is_atomic=True)
        return {task: _decoded(decode_serving_state, task, replies) async for task, replies in read}

    async def manifests(self, versions: Mapping[str, str]) -> dict[str, bytes | None]:
        """The manifest of one version of each task; None where there is none."""

        def queue(pipeline: Pipeline, task: str) -> None:
            pipeline.get(self._keys.manifest(task, versions[task]))

        read = self._read(versions, 1, queue)
        return {task: raw if isinstance(raw, bytes) else None async for task, [raw] in read}

    async def counts(self, versions: Mapping[str, str]) -> dict[str, TaskCounts | StateUnreadable]:
        """What the audits of one version of each task say."""

        def queue(pipeline: Pipeline, task: str) -> None:
            pipeline.hmget(self._keys.audits(task, versions[task]), _SHOWN)
            pipeline.hmget(self._keys.service(task), _OF_SERVICE)
            pipeline.hmget(self._keys.teacher(task), ("asked_again", "said_the_same"))
            pipeline.get(self._keys.certifying(task))

        read = self._read(versions, 4, queue)
        return {task: _decoded(_counts, task, replies) async for task, replies in read}

    async def newest_points(
        self, versions: Mapping[str, str], most: int
    ) -> dict[str, tuple[CertificatePoint, ...]]:
        """The newest points of one version's certificate of each task, oldest first."""

        def queue(pipeline: Pipeline, task: str) -> None:
            pipeline.lrange(self._keys.bounds(task, versions[task]), -most, -1)

        read = self._read(versions, 1, queue)
        return {task: decode_points(found if isinstance(found, list) else ()) async for task, [found] in read}

    async def _read(
        self, tasks: Iterable[str], replies: int, queue: Queue, *, is_atomic: bool = False
    ) -> AsyncIterator[tuple[str, Sequence[Any]]]:
        """Each task with its replies, of which one may be the error that its key is of another type."""
        names = list(tasks)
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            with self._connection.client() as redis:
                async with redis.pipeline(transaction=is_atomic) as pipeline:
                    for task in some:
                        queue(pipeline, task)
                    found = await pipeline.execute(raise_on_error=False)
                for reply in found:
                    if isinstance(reply, RedisError) and not is_wrong_type(reply):
                        raise reply
            for place, task in enumerate(some):
                yield task, found[place * replies : (place + 1) * replies]


def _decoded(
    decode: Callable[[str, Sequence[Any]], Decoded], task: str, replies: Sequence[Any]
) -> Decoded | StateUnreadable:
    for reply in replies:
        if isinstance(reply, RedisError):
            return StateUnreadable(f"a key in Redis is of another type: task={task}: {reply}")
    try:
        return decode(task, replies)
    except StateUnreadable as error:
        return error
    except ValueError as error:
        return StateUnreadable(f"a number in Redis can't be read: task={task}: {error}")


def _counts(task: str, replies: Sequence[Any]) -> TaskCounts:
    shown, service, repeats, certifying = replies
    certificate = _status(task, _SHOWN, shown)
    traces = None if certifying is None else int(certifying)
    expected = None if traces is None else traces + certificate.pending
    return TaskCounts(
        certificate,
        _status(task, _OF_SERVICE, service),
        SamplingState(certificate.certified, expected, certificate.drifting),
        RepeatCounts(*(int(count or 0) for count in repeats)),
        traces,
    )


def _status(task: str, names: Sequence[str], values: Sequence[bytes | None]) -> CertificateStatus:
    """Raises StateUnreadable: a field is not what it should be."""
    fields = {name: as_text(value) for name, value in zip(names, values, strict=True) if value is not None}
    try:
        return decode_status(fields)
    except (ValueError, msgspec.DecodeError) as error:
        raise StateUnreadable(f"a certificate in Redis can't be read: task={task}: {error}") from error
