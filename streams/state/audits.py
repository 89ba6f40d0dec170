"""What certify keeps in Redis: read under a revision, written back all at once if that is still the
revision.

All keys of a task change in one script, which compares the revision first: counts, alarm, what is waited
for, what is shown, and how far each partition is folded. So a trace is folded once, however often it is
read, by whichever worker; and of two workers that fold at the same time one is told to read again.
"""

import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from redis.asyncio.client import Pipeline

from schemas.names import Keys
from streams.certify import status as findings
from streams.certify.pending_audits import MOST, PendingAudits
from streams.certify.status import CertificateStatus
from streams.certify.step import Snapshot, Step, VersionChange
from streams.certify.task_state import TaskState, reset_state
from streams.certify.version_state import VersionState
from streams.errors import StateUnavailable
from streams.state.connection import Connection, as_text
from streams.state.fold_offsets import OffsetsRead

log = logging.getLogger(__name__)

_AT_ONCE = 1_000

_LEDGER = msgspec.json.Decoder(VersionState)
_RECORD = msgspec.json.Decoder(TaskState)

Command = tuple[str | bytes | float, ...]
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class AuditsRead:
    """What was read, in this order.

    Attributes:
        revision: of all that is held; empty before the first.
        folded: how far each partition is folded, for all tasks.
    """

    revision: str
    held: Snapshot
    folded: OffsetsRead


class AuditStore:
    """Audits in Redis. Every method raises `StateUnavailable` while Redis is away."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._fold = connection.script("audits_fold")

    async def tasks(self) -> set[str]:
        """The tasks that have a policy."""
        with self._connection.client() as redis:
            return {as_text(name) for name in await redis.smembers(self._keys.tasks)}

    async def task_state(self, task: str) -> TaskState:
        with self._connection.client() as redis:
            raw = await redis.hget(self._keys.certify(task), "record")
        return _decoded(_RECORD, raw) or TaskState()

    async def read(self, task: str, ids: Mapping[str, Iterable[str]], late: int) -> AuditsRead:
        """What is held of a task.

        Args:
            ids: the versions to read, and for each the requests that may be waited for.
            late: noted until this time, Unix milliseconds, is overdue.
        """
        keys, wanted = self._keys, {version: list(requests) for version, requests in ids.items()}
        with self._connection.client() as redis:
            async with redis.pipeline(transaction=False) as pipeline:
                pipeline.hmget(keys.certify(task), "revision", "record")
                for version, requests in wanted.items():
                    self._ask(pipeline, task, version, requests, late)
                # Last: a Redis that was emptied or set back before the record was read shows it here.
                pipeline.hgetall(keys.folded)
                (revision, raw), *rest, folded = await pipeline.execute()
        versions = list(_versions(wanted, rest))
        held = Snapshot(
            record=_decoded(_RECORD, raw) or TaskState(),
            ledgers={version: ledger for version, ledger, _, _ in versions if ledger},
            findings={version: finding for version, _, finding, _ in versions if finding},
            awaited={version: awaited for version, _, _, awaited in versions},
        )
        return AuditsRead(as_text(revision or b""), held, OffsetsRead.of(folded))

    async def write(self, task: str, reading: AuditsRead, turn: Step) -> bool:
        """Make a turn's outcome what is held; False where somebody else has written since it was read."""
        commands = list(self._commands(task, turn))
        arguments: list[str | bytes | float] = [reading.revision, secrets.token_hex(8)]
        for command in commands:
            arguments += [len(command), *command]
        touched = dict.fromkeys(str(command[1]) for command in commands if command[0] != "PUBLISH")
        record = self._keys.certify(task)
        with self._connection.client():
            return bool(await self._fold([record, *(key for key in touched if key != record)], arguments))

    async def reset(self, task: str, reading: AuditsRead) -> bool:
        """Give up what was folded of a task; False where somebody else has written since it was read."""
        record = reading.held.record
        return await self.write(task, reading, Step(reset_state(record), {}, record.versions, announced=True))

    async def status(self, task: str, version: str) -> CertificateStatus:
        """What the audits of a version say; nothing of one without audits."""
        with self._connection.client() as redis:
            fields = await redis.hgetall(self._keys.audits(task, version))
        return findings.decode_status({as_text(name): as_text(value) for name, value in fields.items()})

    async def is_restorable(self, task: str, version: str) -> bool:
        """Whether a version may be returned to."""
        return (await self.status(task, version)).is_restorable

    def _ask(self, pipeline: Pipeline, task: str, version: str, requests: list[str], late: int) -> None:
        asked = self._keys.asked(task, version)
        pipeline.hgetall(self._keys.audits(task, version))
        pipeline.zcount(asked, "(0", "+inf")
        pipeline.zcount(asked, "(0", late)
        pipeline.zcount(asked, "-inf", "(0")
        pipeline.zrange(asked, MOST, MOST, withscores=True)
        # At least one id, which no request has: the command takes no empty list.
        pipeline.zmscore(asked, ["", *requests])

    def _commands(self, task: str, turn: Step) -> Iterable[Command]:
        keys = self._keys
        yield "HSET", keys.certify(task), "record", msgspec.json.encode(turn.record)
        for version, outcome in turn.versions.items():
            yield from self._of_version(task, version, outcome)
        for version in turn.dropped:
            yield "DEL", keys.audits(task, version), keys.asked(task, version)
        if turn.announced:
            yield "PUBLISH", keys.changes, task
        if turn.teacher is not None:
            who = turn.teacher.teacher
            since = str(turn.teacher.since)
            yield "HSET", keys.teacher(task), "model", who.model, "prompt", who.prompt, "since", since
        if turn.steadiness is not None:
            asked, same = str(turn.steadiness.asked), str(turn.steadiness.same)
            yield "HSET", keys.teacher(task), "asked_again", asked, "said_the_same", same

    def _of_version(self, task: str, version: str, outcome: VersionChange) -> Iterable[Command]:
        keys, noted = self._keys, outcome.noted
        shown = [word for item in findings.encode_status(outcome.finding).items() for word in item]
        ledger = msgspec.json.encode(outcome.ledger)
        yield "HSET", keys.audits(task, version), "ledger", ledger, *shown
        asked = keys.asked(task, version)
        if noted.forgotten:
            yield "ZREMRANGEBYRANK", asked, MOST, MOST + noted.forgotten - 1
        scores = [(score, request) for request, score in noted.scores.items()]
        for start in range(0, len(scores), _AT_ONCE):
            yield "ZADD", asked, *(word for pair in scores[start : start + _AT_ONCE] for word in pair)
        if noted.given_up:
            first = noted.after.answered
            yield "ZREMRANGEBYRANK", asked, first, first + noted.given_up - 1
        if outcome.blocked:
            yield "SADD", keys.blocked(task, version), *outcome.blocked


def _versions(
    wanted: Mapping[str, list[str]], replies: list[Any]
) -> Iterable[tuple[str, VersionState | None, CertificateStatus | None, PendingAudits]]:
    """What was replied of each version."""
    for at, (version, requests) in enumerate(wanted.items()):
        fields, pending, overdue, answered, surplus, scores = replies[6 * at : 6 * at + 6]
        shown = {as_text(name): value for name, value in fields.items()}
        raw = shown.pop("ledger", None)
        awaited = PendingAudits(
            pending=pending,
            overdue=overdue,
            answered=answered,
            surplus=round(-surplus[0][1]) - 1 if surplus and answered > MOST else None,
            scores={one: score for one, score in zip(requests, scores[1:], strict=True) if score is not None},
        )
        finding = (
            findings.decode_status({name: as_text(value) for name, value in shown.items()}) if raw else None
        )
        yield version, _decoded(_LEDGER, raw), finding, awaited


def _decoded(decoder: "msgspec.json.Decoder[Kept]", raw: bytes | str | None) -> Kept | None:
    """Raises StateUnavailable where somebody else has written: nothing may be folded on top of that."""
    try:
        return decoder.decode(raw) if raw else None
    except msgspec.DecodeError as error:
        log.error("what certify keeps in Redis was overwritten (%s): delete it, and `folded`", error)
        raise StateUnavailable(f"what certify keeps in Redis can't be read: {error}") from error
