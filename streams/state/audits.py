"""Audit store: certify's state in Redis, written only if its revision is still the one that was read.

One script changes all keys of a task and compares the revision first: counts, alarm, pending audits, status,
and how far each partition is folded. So a trace is folded once, however many workers read it, and however
often. If two workers fold at the same time, one of them has to read again.
"""

import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from redis.asyncio.client import Pipeline

from schemas.redis_keys import Keys
from streams.certify.history import CertificatePoint, HistoryUpdate, decode_points, encode_point, with_newest
from streams.certify.pending_audits import FAILED, MOST, PendingAudits
from streams.certify.snapshot import Snapshot
from streams.certify.status import CertificateStatus, decode_status, encode_status
from streams.certify.step import Step, VersionChange
from streams.certify.task_state import TaskState, reset_state
from streams.certify.version_state import VersionState
from streams.errors import StateUnreadable
from streams.state.connection import Connection, as_text
from streams.state.fold_offsets import OffsetsRead
from streams.state.recount import Recounts

log = logging.getLogger(__name__)

_AT_ONCE = 1_000
_REPLIES = 8

_VERSION_STATE = msgspec.json.Decoder(VersionState)
_TASK_STATE = msgspec.json.Decoder(TaskState)

Command = tuple[str | bytes | float, ...]
Decoded = TypeVar("Decoded")


@dataclass(frozen=True, slots=True)
class AuditsRead:
    """State that was read from Redis, the snapshot before the offsets.

    Attributes:
        revision: revision of the snapshot; empty before the first write.
        folded: how far each partition is folded, for all tasks.
        recount: mark of a task whose counts were deleted and are not counted again yet (see
            `streams.state.recount`); empty elsewhere.
    """

    revision: str
    snapshot: Snapshot
    folded: OffsetsRead
    recount: str = ""


class AuditStore:
    """Audits in Redis. Every method raises `StateUnavailable` while Redis is away.

    Attributes:
        recounts: of tasks whose counts can't be read.
    """

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._fold = connection.script("audits_fold")
        self.recounts = Recounts(connection, keys)

    async def tasks(self) -> set[str]:
        """The tasks that have a policy."""
        with self._connection.client() as redis:
            return {as_text(name) for name in await redis.smembers(self._keys.tasks)}

    async def task_state(self, task: str) -> TaskState:
        with self._connection.client() as redis:
            raw = await redis.hget(self._keys.certify(task), "record")
        return _decode(_TASK_STATE, raw, task) or TaskState()

    async def read(
        self, task: str, ids: Mapping[str, Iterable[str]], late: int, passed: int = 0
    ) -> AuditsRead:
        """The snapshot of a task.

        Args:
            ids: the versions to read, and for each of them the requests to look up among its audits.
            late: Unix milliseconds; a pending audit that was noted by then is overdue.
            passed: Unix milliseconds; the teacher has passed by a pending audit that was noted by then.
        """
        keys, lookups = self._keys, {version: list(requests) for version, requests in ids.items()}
        with self._connection.client() as redis:
            async with redis.pipeline(transaction=False) as pipeline:
                pipeline.hmget(keys.certify(task), "revision", "record", "recount")
                pipeline.hgetall(keys.service(task))
                for version, requests in lookups.items():
                    self._read_version(pipeline, task, version, requests, late, passed)
                # Last, so that these offsets show if Redis lost data before the task's state was read.
                pipeline.hgetall(keys.folded)
                (revision, raw, recount), service, *replies, folded = await pipeline.execute()
        versions = list(_versions(task, lookups, replies))
        states = {version: state for version, state, _, _ in versions if state}
        snapshot = Snapshot(
            task_state=_decode(_TASK_STATE, raw, task) or TaskState(),
            version_states=states,
            statuses={version: status for version, _, status, _ in versions if status},
            pending_audits={version: pending for version, _, _, pending in versions},
            service_status=_status(_texts(service), task) if service else None,
            # Read after the revision: if it is written in between, the step that follows is not.
            points={
                version: await self._points(task, version)
                for version, state in states.items()
                if state.history.is_full
            },
        )
        return AuditsRead(as_text(revision or b""), snapshot, OffsetsRead.of(folded), as_text(recount or b""))

    async def write(self, task: str, reading: AuditsRead, outcome: Step) -> bool:
        """Write the outcome of a step; False where another worker has written since the snapshot."""
        commands = list(self._commands(task, outcome))
        arguments: list[str | bytes | float] = [reading.revision, secrets.token_hex(8)]
        for command in commands:
            arguments += [len(command), *command]
        touched = dict.fromkeys(str(command[1]) for command in commands if command[0] != "PUBLISH")
        first = self._keys.certify(task)
        with self._connection.client():
            return bool(await self._fold([first, *(key for key in touched if key != first)], arguments))

    async def reset(self, task: str, reading: AuditsRead) -> bool:
        """Reset the counts of a task; False where another worker has written since the snapshot."""
        before = reading.snapshot.task_state
        outcome = Step(reset_state(before), {}, before.versions, announced=True)
        return await self.write(task, reading, outcome)

    async def status(self, task: str, version: str) -> CertificateStatus:
        """The status of a version's certificate; zeros for a version without audits."""
        with self._connection.client() as redis:
            return _status(_texts(await redis.hgetall(self._keys.audits(task, version))), task)

    async def service_status(self, task: str) -> CertificateStatus:
        """The status of the service's certificate; zeros for a task without audits."""
        with self._connection.client() as redis:
            return _status(_texts(await redis.hgetall(self._keys.service(task))), task)

    async def certificate_points(
        self, task: str, versions: Iterable[str]
    ) -> dict[str, tuple[CertificatePoint, ...]]:
        """The history of each version's certificate, oldest first, the last point as it stands now.

        Points that can't be read are left out.
        """
        return {
            version: with_newest(version, await self._points(task, version), await self.status(task, version))
            for version in versions
        }

    async def _points(self, task: str, version: str) -> tuple[CertificatePoint, ...]:
        with self._connection.client() as redis:
            return decode_points(await redis.lrange(self._keys.bounds(task, version), 0, -1))

    async def is_restorable(self, task: str, version: str) -> bool:
        """Whether a version may be restored."""
        return (await self.status(task, version)).is_restorable

    def _read_version(
        self, pipeline: Pipeline, task: str, version: str, requests: list[str], late: int, passed: int
    ) -> None:
        """Queue the commands that read one version; there are `_REPLIES` of them."""
        asked = self._keys.asked(task, version)
        pipeline.hgetall(self._keys.audits(task, version))
        pipeline.zcount(asked, "(0", f"({FAILED:.0f}")
        pipeline.zcount(asked, "(0", late)
        pipeline.zcount(asked, "(0", passed)
        pipeline.zcount(asked, f"{FAILED:.0f}", "+inf")
        pipeline.zcount(asked, "-inf", "(0")
        pipeline.zrange(asked, MOST, MOST, withscores=True)
        # At least one id, which no request has: the command takes no empty list.
        pipeline.zmscore(asked, ["", *requests])

    def _commands(self, task: str, outcome: Step) -> Iterable[Command]:
        keys = self._keys
        yield "HSET", keys.certify(task), "record", msgspec.json.encode(outcome.task_state)
        for version, change in outcome.versions.items():
            yield from self._version_commands(task, version, change)
        for version in outcome.dropped:
            yield "DEL", keys.audits(task, version), keys.asked(task, version), keys.bounds(task, version)
        if outcome.service is not None:
            yield "HSET", keys.service(task), *_words(encode_status(outcome.service))
        if outcome.announced:
            yield "PUBLISH", keys.changes, task
        if outcome.teacher is not None:
            teacher, since = outcome.teacher.teacher, str(outcome.teacher.since)
            fields = ("model", teacher.model, "prompt", teacher.prompt, "since", since)
            yield "HSET", keys.teacher(task), *fields
        if outcome.consistency is not None:
            asked, same = str(outcome.consistency.asked), str(outcome.consistency.same)
            yield "HSET", keys.teacher(task), "asked_again", asked, "said_the_same", same

    def _version_commands(self, task: str, version: str, change: VersionChange) -> Iterable[Command]:
        keys, update = self._keys, change.pending_update
        shown = _words(encode_status(change.status))
        encoded = msgspec.json.encode(change.version_state)
        yield "HSET", keys.audits(task, version), "ledger", encoded, *shown
        asked = keys.asked(task, version)
        if update.forgotten:
            yield "ZREMRANGEBYRANK", asked, MOST, MOST + update.forgotten - 1
        scores = [(score, request) for request, score in update.scores.items()]
        for start in range(0, len(scores), _AT_ONCE):
            yield "ZADD", asked, *(word for pair in scores[start : start + _AT_ONCE] for word in pair)
        if update.given_up:
            first = update.after.answered
            yield "ZREMRANGEBYRANK", asked, first, first + update.given_up - 1
        if update.failures_given_up:
            first = update.after.answered + update.after.pending
            yield "ZREMRANGEBYRANK", asked, first, first + update.failures_given_up - 1
        if change.blocked:
            yield "SADD", keys.blocked(task, version), *change.blocked
        yield from _history_commands(keys.bounds(task, version), change.history)


def _history_commands(key: str, update: HistoryUpdate) -> Iterable[Command]:
    if update.replaces:
        yield "DEL", key
    if update.points:
        yield "RPUSH", key, *map(encode_point, update.points)


def _versions(
    task: str, lookups: Mapping[str, list[str]], replies: list[Any]
) -> Iterable[tuple[str, VersionState | None, CertificateStatus | None, PendingAudits]]:
    """Each version with its state, its status and its pending audits, from Redis' replies."""
    for place, (version, requests) in enumerate(lookups.items()):
        own = replies[_REPLIES * place : _REPLIES * (place + 1)]
        fields, pending, overdue, passed_by, failed, answered, surplus, scores = own
        shown = {as_text(name): value for name, value in fields.items()}
        raw = shown.pop("ledger", None)
        pending_audits = PendingAudits(
            pending=pending,
            overdue=overdue,
            passed_by=passed_by,
            failed=failed,
            answered=answered,
            surplus=round(-surplus[0][1]) - 1 if surplus and answered > MOST else None,
            scores={
                request: score
                for request, score in zip(requests, scores[1:], strict=True)
                if score is not None
            },
        )
        texts = {name: as_text(value) for name, value in shown.items()}
        status = _status(texts, task) if raw else None
        yield version, _decode(_VERSION_STATE, raw, task), status, pending_audits


def _words(fields: Mapping[str, str]) -> list[str]:
    return [word for item in fields.items() for word in item]


def _texts(stored: Mapping[Any, Any]) -> dict[str, str]:
    return {as_text(name): as_text(value) for name, value in stored.items()}


def _status(fields: Mapping[str, str], task: str) -> CertificateStatus:
    """Raises StateUnreadable: a field is not what it should be."""
    try:
        return decode_status(fields)
    except (ValueError, msgspec.DecodeError) as error:
        raise StateUnreadable(f"a certificate in Redis can't be read: task={task}: {error}") from error


def _decode(decoder: "msgspec.json.Decoder[Decoded]", raw: bytes | str | None, task: str) -> Decoded | None:
    """The value, or None without one. Raises StateUnreadable: nothing may be folded into it."""
    try:
        return decoder.decode(raw) if raw else None
    except msgspec.DecodeError as error:
        raise StateUnreadable(f"audit counts in Redis can't be read: task={task}: {error}") from error
