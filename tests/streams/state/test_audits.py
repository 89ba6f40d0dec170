"""A trace is folded once, and an audit pends once, however topics are cut into batches and read again."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from models.certificate import Certificate
from schemas.config import Config
from schemas.messages import Teacher
from schemas.redis_keys import Keys
from streams.certify.alarm_state import AlarmState
from streams.certify.history import MOST_POINTS, HistoryState
from streams.certify.observations import AuditReply, AuditRequested, LogPosition, Observations, TraceSeen
from streams.certify.status import CertificateStatus
from streams.certify.step import step
from streams.certify.version_state import VersionState
from streams.errors import StateUnreadable
from streams.state.audits import AuditStore
from streams.state.connection import Connection

CONFIG = Config(alarm_run_length=100.0, audit_overdue=10.0)
NOW = 1_000_000
TEACHER = Teacher("m", "p")


def trace(request: int, offset: int, agreed: bool, partition: int = 0, version: str = "v1") -> TraceSeen:
    audit = AuditReply(f"r{request}", NOW - 100 + request, 7, "yes" if request % 3 else "no", agreed)
    return TraceSeen(LogPosition(f"traces:{partition}", offset), TEACHER, 7, version, audit)


def deferral(request: int, offset: int, version: str = "v1") -> AuditRequested:
    return AuditRequested(LogPosition("deferrals:0", offset), version, f"r{request}", NOW - 100 + request)


async def fold(
    audits: AuditStore, task: str, observations: Observations, *, versions: Sequence[str] = (), now: int = NOW
) -> int:
    """Fold as the role does; how often it had to start over."""
    ids = {**dict.fromkeys(versions, ()), **observations.requests}
    for attempt in range(100):
        reading = await audits.read(task, ids, now - 10_000)
        outcome = step(task, reading.snapshot, observations, CONFIG, now, complete=True)
        if not outcome.changes(reading.snapshot) or await audits.write(task, reading, outcome):
            return attempt
    raise AssertionError("somebody else was always first")


async def snapshot(audits: AuditStore, task: str) -> tuple[VersionState, CertificateStatus]:
    """What is kept and shown of v1, all outcomes taken, without what depends on when somebody looked."""
    reading = (await audits.read(task, {"v1": ()}, 0)).snapshot
    version_state, status = (
        reading.version_states.get("v1", VersionState()),
        reading.statuses.get("v1", CertificateStatus()),
    )
    certificates = {
        who: structs.replace(counts, blocked=(), certified=False, proof=None)
        for who, counts in version_state.certificates.items()
    }
    alarm = version_state.alarm_state.after(version_state.outcomes, CONFIG)
    outcomes_taken = AlarmState(alarm.target, alarm.evidence, alarm.drift, raised=alarm.raised)
    state = structs.replace(
        version_state,
        certificates=certificates,
        alarm_state=outcomes_taken,
        outcomes=(),
        history=HistoryState(),
    )
    return state, replace(status, updated_at=0, alarm=0.0, alarms=0)


@dataclass(frozen=True)
class Logs:
    """What stands in the topics: in each partition the messages by offset, with gaps."""

    traces: list[list[TraceSeen]]
    deferrals: list[AuditRequested]

    @property
    def parts(self) -> list[Sequence[TraceSeen] | Sequence[AuditRequested]]:
        return [*self.traces, self.deferrals]


@st.composite
def logs(draw: st.DrawFn, partitions: int, same: bool = False) -> Logs:
    """Audits of one version; some were never answered, and of some no deferral is left.

    Args:
        same: all have the same outcome: the alarm depends on the order, which is that of reading deferrals.
    """
    outcome = draw(st.booleans())
    requests = draw(st.lists(st.integers(0, 40), max_size=25, unique=True))
    where = {request: draw(st.integers(0, partitions - 1)) for request in requests}
    gaps = [draw(st.integers(1, 4)) for _ in range(partitions + 1)]
    traces: list[list[TraceSeen]] = [[] for _ in range(partitions)]
    for request in requests:
        at = traces[where[request]]
        offset = (len(at) + 1) * gaps[where[request]]
        agreed = outcome if same else draw(st.booleans())
        at.append(trace(request, offset, agreed, where[request]))
    asked = draw(st.lists(st.integers(0, 60), max_size=25))
    return Logs(traces, [deferral(request, position * gaps[-1]) for position, request in enumerate(asked)])


async def read_in_pieces(audits: AuditStore, task: str, log: Logs, data: st.DataObject) -> None:
    """Every partition to its end, in batches each of which may come after one that was read before."""
    at = [0] * len(log.parts)
    while any(position < len(part) for position, part in zip(at, log.parts, strict=True)):
        which = data.draw(st.sampled_from([i for i, part in enumerate(log.parts) if at[i] < len(part)]))
        part = log.parts[which]
        if data.draw(st.booleans()):
            start = data.draw(st.integers(0, at[which]))
            await fold_part(audits, task, part[start : data.draw(st.integers(start, at[which]))])
        start = data.draw(st.integers(0, at[which]))
        at[which] = data.draw(st.integers(at[which] + 1, len(part)))
        await fold_part(audits, task, part[start : at[which]])


async def fold_part(
    audits: AuditStore, task: str, part: Sequence[TraceSeen] | Sequence[AuditRequested]
) -> None:
    asked = [one for one in part if isinstance(one, AuditRequested)]
    answered = [one for one in part if isinstance(one, TraceSeen)]
    await fold(audits, task, Observations(asked=asked, answered=answered))


async def read_at_once(audits: AuditStore, task: str, log: Logs) -> None:
    await fold(audits, task, Observations(asked=log.deferrals))
    for part in log.traces:
        await fold(audits, task, Observations(answered=part))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(logs(partitions=1, same=True), st.data())
async def test_any_cut_and_replay_ends_in_the_same_state(
    connection: Connection, keys: Keys, log: Logs, data: st.DataObject
) -> None:
    audits, pieces, whole = AuditStore(connection, keys), secrets.token_hex(8), secrets.token_hex(8)
    await read_in_pieces(audits, pieces, log, data)
    await read_at_once(audits, whole, log)
    assert await snapshot(audits, pieces) == await snapshot(audits, whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(logs(partitions=3), st.data())
async def test_the_order_of_partitions_does_not_matter(
    connection: Connection, keys: Keys, log: Logs, data: st.DataObject
) -> None:
    audits, task = AuditStore(connection, keys), secrets.token_hex(8)
    await read_in_pieces(audits, task, log, data)
    answered = {one.audit.request: one.audit for part in log.traces for one in part if one.audit}
    status = await audits.status(task, "v1")
    assert status.audits == len(answered)
    assert status.agreements == sum(audit.agreed for audit in answered.values())
    assert status.pending == len({one.request for one in log.deferrals} - answered.keys())
    requests = {one.request for one in log.deferrals} & answered.keys()
    assert sum(counts.audits for counts in status.labels.values()) == len(requests), "in the order of asking"


async def test_concurrent_folds_each_count_once(connection: Connection, keys: Keys) -> None:
    audits = [AuditStore(connection, keys) for _ in range(3)]
    parts = [[trace(100 * p + i, i, i % 10 != 0, partition=p) for i in range(30)] for p in range(3)]

    async def work(worker: AuditStore, part: list[TraceSeen]) -> int:
        return sum(
            [
                await fold(worker, "t", Observations(answered=part[start : start + 3]))
                for start in range(0, 30, 3)
            ]
        )

    started_over = await asyncio.gather(*map(work, audits, parts), work(audits[0], parts[1]))
    assert sum(started_over) > 0, "they did get in each other's way"
    assert (await audits[0].status("t", "v1")).certificate == Certificate(90, 81)


async def test_versions_and_tasks_are_kept_apart(connection: Connection, keys: Keys) -> None:
    audits = AuditStore(connection, keys)
    assert (await audits.status("t", "v1")).certificate == Certificate(0, 0)
    await fold(
        audits,
        "t",
        Observations(answered=[trace(1, 0, True), trace(2, 2**40, False), trace(3, 2**40 + 1, True)]),
    )
    await fold(
        audits, "t", Observations(answered=[trace(4, 2**40 + 2, True, version="v2"), trace(5, 2**40, True)])
    )
    await fold(audits, "u", Observations(asked=[deferral(1, 0)]))
    found = [(await audits.status(*of)).certificate for of in (("t", "v1"), ("t", "v2"), ("u", "v1"))]
    assert found == [Certificate(3, 2), Certificate(1, 1), Certificate(0, 0)], (
        "offsets beyond 32 bits are exact"
    )
    assert (await audits.status("u", "v1")).pending == 1
    many = [trace(i, 2**41 + i, True, version=f"w{i:02}") for i in range(16)]
    await fold(audits, "t", Observations(answered=many))
    assert (await audits.status("t", "v1")).certificate == Certificate(0, 0)
    assert (await audits.status("t", "w15")).certificate == Certificate(1, 1)
    assert len((await audits.task_state("t")).versions) == 16


@pytest.mark.parametrize(
    ("field", "value"), [("ledger", b'{"tallies": 3}'), ("bound", b"high"), ("labels", b"{")]
)
async def test_nothing_is_folded_on_overwritten_state(
    connection: Connection, keys: Keys, field: str, value: bytes
) -> None:
    audits = AuditStore(connection, keys)
    await fold(audits, "t", Observations(answered=[trace(1, 0, True)]))
    await fold(audits, "u", Observations(answered=[trace(1, 0, True)]))
    await connection.redis.hset(keys.audits("t", "v1"), field, value)
    with pytest.raises(StateUnreadable, match="task=t"):
        await fold(audits, "t", Observations(answered=[trace(2, 1, True)]))
    await audits.recounts.discard("t")
    assert (await audits.status("t", "v1")).audits == 0
    assert (await audits.status("u", "v1")).audits == 1, "another task keeps its counts"


async def test_a_stale_revision_adds_no_point_and_a_replay_none_twice(
    connection: Connection, keys: Keys
) -> None:
    audits = AuditStore(connection, keys)
    first, second = Observations(answered=[trace(1, 0, True)]), Observations(answered=[trace(2, 1, True)])
    await fold(audits, "t", first)
    stale = await audits.read("t", second.requests, 0)
    late = step("t", stale.snapshot, second, CONFIG, NOW, complete=True)
    await fold(audits, "t", second)
    kept = await connection.redis.lrange(keys.bounds("t", "v1"), 0, -1)
    assert late.versions["v1"].history.points, "the stale worker would have added one"
    assert not await audits.write("t", stale, late)
    await fold(audits, "t", first)
    await fold(audits, "t", second)
    assert await connection.redis.lrange(keys.bounds("t", "v1"), 0, -1) == kept
    points = (await audits.certificate_points("t", ["v1", "v9"]))["v1"]
    assert [(point.audits, point.state) for point in points] == [(1, "not_yet"), (2, "not_yet")]


async def test_the_history_in_redis_is_thinned_where_it_is_full(connection: Connection, keys: Keys) -> None:
    audits = AuditStore(connection, keys)
    for request in range(MOST_POINTS + 1):
        await fold(audits, "t", Observations(answered=[trace(request, request, True)]))
    points = (await audits.certificate_points("t", ["v1"]))["v1"]
    assert MOST_POINTS / 4 < len(points) <= MOST_POINTS / 2
    assert points[-1].audits == MOST_POINTS + 1
    assert [point.state for point in points if point.audits > 400] != [], "even, so the newest fifth is there"
    assert await connection.redis.llen(keys.bounds("t", "v1")) == len(points)


async def test_the_history_goes_with_the_counts(connection: Connection, keys: Keys) -> None:
    audits = AuditStore(connection, keys)
    await fold(audits, "t", Observations(answered=[trace(1, 0, True)]))
    many = [trace(i, 100 + i, True, version=f"w{i:02}") for i in range(16)]
    await fold(audits, "t", Observations(answered=many))
    assert not await connection.redis.exists(keys.bounds("t", "v1")), "the version is over the limit"
    assert await connection.redis.exists(keys.bounds("t", "w00"))
    await audits.recounts.discard("t")
    left = [name async for name in connection.redis.scan_iter(match=keys.bounds("t", "*"))]
    assert left == [], "counts that are deleted to be counted again"
    await fold(audits, "u", Observations(answered=[trace(1, 0, True)]))
    assert await audits.reset("u", await audits.read("u", {"v1": ()}, 0))
    assert not await connection.redis.exists(keys.bounds("u", "v1")), "counts of a topic that was replaced"
