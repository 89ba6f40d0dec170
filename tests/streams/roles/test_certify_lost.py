"""What Redis or a topic has lost is read again, and nothing counts twice, also if a worker dies."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest
from confluent_kafka import Message
from msgspec.structs import replace

from schemas.config import parse_override
from schemas.messages import Teacher, Trace
from streams.certify.observations import DEFERRALS, Observations, observe_traces
from streams.errors import StateUnavailable
from streams.rollout.alarm_response import AlarmResponse
from streams.state.audits import AuditStore
from streams.state.fold_offsets import FoldOffsets, OffsetsRead
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from tests.streams.fakes import flat, reasons
from tests.streams.roles.certifying import Deployment, asked, audit, audits


async def test_topics_of_another_id_are_counted_again(
    deployment: Deployment,
) -> None:
    batch = [deployment.traces.add(one) for one in audits(100)]
    await (await deployment.certifier()).fold_traces(batch)
    asked_for = deployment.deferrals.add(asked("late"))
    await (await deployment.certifier()).fold_deferrals([asked_for])
    deployment.renamed("a")
    named = await deployment.certifier()
    await named.fold_traces(batch)
    await named.fold_deferrals([asked_for])
    status = await deployment.status()
    assert (status.audits, status.pending) == (100, 1), "the same messages, under a name by now"
    old = deployment.traces
    deployment.renamed("b")
    other = await deployment.certifier()
    await other.fold_traces(batch[:60])
    status = await deployment.status()
    assert (status.audits, status.pending) == (60, 0), "what the topic holds now, and nothing besides"
    old.identity = "b"
    with pytest.raises(StateUnavailable):
        await named.fold_traces(batch)
    assert (await deployment.status()).audits == 60, "a worker that reads the old topic changes nothing"


async def test_one_replaced_topic_resets_both(
    deployment: Deployment,
) -> None:
    batch = [deployment.traces.add(one) for one in audits(40)]
    other = Teacher("another")
    batch += [deployment.traces.add(one) for one in audits(10, "s", teacher=other, replied_at=900_000)]
    deployment.renamed("old", [DEFERRALS])
    first = await deployment.certifier()
    await first.fold_traces(batch)
    await first.fold_deferrals([deployment.deferrals.add(asked("gone"))])
    await deployment.connection.redis.sadd(deployment.keys.tasks, "t")
    deployment.traces.commits["traces:0"] = 100
    deployment.deferrals.messages.clear()
    traces = deployment.traces
    deployment.renamed("new", [DEFERRALS])
    assert deployment.traces is traces
    after = await deployment.certifier()
    for _ in range(2):
        with contextlib.suppress(StateUnavailable):
            await after.look()
    await after.look()
    status = await deployment.status()
    assert (status.audits, status.pending, status.complete) == (10, 0, True)
    registry = Registry(deployment.connection, deployment.keys, 5)
    assert await registry.teacher_since("t") == 900_000


async def test_an_emptied_redis_is_rebuilt(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    batches = [
        [deployment.traces.add(one, partition) for one in audits(100, f"p{partition}-", [7])]
        for partition in (0, 1)
    ]
    for batch in batches:
        await certify.fold_traces(batch)
    await certify.fold_deferrals([deployment.deferrals.add(asked(name)) for name in ("p0-7", "lost")])
    before = await deployment.status()
    assert before.certified
    await deployment.restore({})
    with pytest.raises(StateUnavailable):
        await certify.fold_traces([deployment.traces.add(audit("next"))])
    seen: list[bool] = []

    async def look() -> None:
        seen.append((await deployment.status()).certified)

    deployment.traces.between.append(look)
    await certify.look()
    after = await deployment.status()
    assert len(seen) > 50
    assert not any(seen), "nothing is claimed from a part"
    assert (after.audits, after.agreements, after.pending, after.certified) == (201, 199, 1, True)


@pytest.mark.parametrize("lost", ["all", "task"])
async def test_a_message_that_fails_by_a_defect_keeps_no_counts_lost(
    deployment: Deployment, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It became a dead letter when it was new; read again, it must not end the process each time."""

    def observe(traces: Sequence[tuple[Trace, Message]], name: str) -> dict[str, Observations]:
        if any(one.id == "poison" for one, _ in traces):
            raise ValueError("a defect")
        return observe_traces(traces, name)

    for reader in ("certify", "count_rebuild"):
        monkeypatch.setattr(f"streams.roles.{reader}.observe_traces", observe)
    certify = await deployment.certifier()
    given = [*audits(5), audit("poison"), *audits(5, "more")]
    letters = flat(await certify.fold_traces([deployment.traces.add(one) for one in given]))
    assert reasons(letters) == ["ValueError: a defect"]
    if lost == "all":
        await deployment.restore({})
    else:
        await AuditStore(deployment.connection, deployment.keys).recounts.discard("t")
    await certify.look()
    status = await deployment.status()
    assert (status.audits, status.complete) == (10, True)


async def test_redis_emptied_while_rebuilt_is_rebuilt(
    deployment: Deployment,
) -> None:
    certify, other = await deployment.certifier(), await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(60)])
    await certify.fold_deferrals([deployment.deferrals.add(asked("silent"))])
    await deployment.restore({})
    left = [40]

    async def empty() -> None:
        left[0] -= 1
        if left[0] in (20, 30):
            await deployment.restore({})

    deployment.traces.between.append(empty)
    deployment.deferrals.between.append(empty)
    for _ in range(3):
        for one in (certify, other):
            with contextlib.suppress(StateUnavailable):
                await one.look()
    status = await deployment.status()
    assert left[0] < 0
    assert (status.audits, status.pending, status.complete) == (60, 1, True)


async def test_a_dead_rebuilder_is_replaced(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(60)])
    await deployment.restore({})
    deployment.traces.between.append(_die)
    with pytest.raises(asyncio.CancelledError):
        await certify.look()
    deployment.traces.between.clear()
    deployment.traces.commits = {"traces:0": 119}
    successor = await deployment.certifier()
    for _ in range(2):
        await successor.look()
        half_way = await deployment.status()
        assert (half_way.complete, half_way.audits < 60) == (False, True)
        deployment.now += 5_500
    await successor.look()
    status = await deployment.status()
    assert (status.complete, status.audits) == (True, 60)


@pytest.mark.parametrize("restarted", [False, True])
async def test_redis_set_back_is_brought_forward(deployment: Deployment, restarted: bool) -> None:
    certify = await deployment.certifier()
    first, second = ([deployment.traces.add(one) for one in audits(50, name)] for name in "ab")
    await certify.fold_traces(first)
    snapshot = await deployment.snapshot()
    await certify.fold_traces(second)
    await certify.fold_deferrals([deployment.deferrals.add(asked("silent"))])
    await deployment.restore(snapshot)
    if restarted:
        deployment.traces.commits, deployment.deferrals.commits = {"traces:0": 199}, {"deferrals:0": 1}
        certify = await deployment.certifier()
    third = [deployment.traces.add(one) for one in audits(50, "c")]
    with pytest.raises(StateUnavailable):
        await certify.fold_traces(third)
    await certify.look()
    await certify.fold_traces(third)
    status = await deployment.status()
    assert (status.audits, status.pending, status.complete) == (150, 1, True)


async def test_a_fold_during_a_read_is_not_lost(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    certify = await deployment.certifier()
    asked_redis = FoldOffsets.read

    async def overtaken(offsets: FoldOffsets) -> OffsetsRead:
        answer = await asked_redis(offsets)
        await certify.fold_traces([deployment.traces.add(audit("meanwhile"))])
        return answer

    monkeypatch.setattr(FoldOffsets, "read", overtaken)
    await certify.look()
    assert "lost" not in caplog.text
    assert (await deployment.status()).audits == 1


async def test_a_killed_certifier_counts_nothing_twice(
    deployment: Deployment,
) -> None:
    batch = [deployment.traces.add(one) for one in audits(30, disagree=[3])]
    for size in (10, 20, 30):
        await (await deployment.certifier()).fold_traces(batch[:size])
        await (await deployment.certifier()).fold_traces(batch[:size])
    status = await deployment.status()
    assert (status.audits, status.agreements) == (30, 29)


async def _die() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("field", ["record", "ledger"])
async def test_counts_that_cannot_be_read_are_rebuilt(deployment: Deployment, field: str) -> None:
    """They stop neither the partition nor the other tasks for good."""
    batch = [deployment.traces.add(one) for one in audits(100)]
    certify = await deployment.certifier()
    await certify.fold_traces(batch)
    keys = deployment.keys
    broken = keys.certify("t") if field == "record" else keys.audits("t", "v1")
    await deployment.connection.redis.hset(broken, field, b"{")
    late = [deployment.traces.add(one) for one in audits(10, "late")]
    for _ in range(2):
        with contextlib.suppress(StateUnavailable):
            await certify.fold_traces(late)
        with contextlib.suppress(StateUnavailable):
            await certify.look()
    await certify.fold_traces(late)
    await certify.look()
    status = await deployment.status()
    assert (status.audits, status.complete) == (110, True)


@pytest.mark.parametrize("dies", [False, True])
async def test_one_task_is_counted_again_while_others_stay_certified(
    deployment: Deployment, dies: bool
) -> None:
    """Also where the worker that counts it dies half-way, and new messages come meanwhile."""
    store = AuditStore(deployment.connection, deployment.keys)
    fine = [replace(one, task="fine") for one in audits(200, "f")]
    batch = [deployment.traces.add(one) for one in [*audits(200), *fine]]
    certify, other = await deployment.certifier(), await deployment.certifier()
    await certify.fold_traces(batch)
    await certify.fold_deferrals([deployment.deferrals.add(asked("silent"))])
    folded = await FoldOffsets(deployment.connection, deployment.keys).read()
    await deployment.connection.redis.hset(deployment.keys.certify("t"), "record", b"{")
    seen: list[tuple[bool, bool]] = []
    late = deployment.traces.add(audit("late"))

    async def look() -> None:
        own, others = await store.status("t", "v1"), await store.status("fine", "v1")
        seen.append((own.certified, others.certified))
        with pytest.raises(StateUnavailable):
            await other.fold_traces([late])
        if dies and len(seen) == 20:
            await _die()

    deployment.traces.between.append(look)
    with pytest.raises(StateUnavailable):
        await certify.look()
    if dies:
        with pytest.raises(asyncio.CancelledError):
            await certify.look()
        certify, dies = other, False
    await certify.look()
    assert len(seen) > 100
    assert set(seen) == {(False, True)}
    assert await FoldOffsets(deployment.connection, deployment.keys).read() == folded, "no partition is lost"
    await other.fold_traces([late])
    status = await deployment.status()
    assert (status.audits, status.pending, status.certified, status.complete) == (201, 1, True, True)


async def test_counts_deleted_while_they_are_counted_again_are_counted_once_more(
    deployment: Deployment,
) -> None:
    """Else a recount would go on in the middle of a topic, and what it had counted before would be gone."""
    batch = [deployment.traces.add(one) for one in audits(200)]
    certify = await deployment.certifier()
    await certify.fold_traces(batch)
    recounts = AuditStore(deployment.connection, deployment.keys).recounts
    await recounts.discard("t")
    looks = 0

    async def delete_once_more() -> None:
        nonlocal looks
        looks += 1
        if looks == 20:
            await recounts.discard("t")

    deployment.traces.between.append(delete_once_more)
    with pytest.raises(StateUnavailable):
        await certify.look()
    await certify.look()
    status = await deployment.status()
    assert (status.audits, status.complete) == (200, True)
    assert await recounts.marks() == {}


async def test_what_a_dead_worker_has_not_deleted_is_deleted_by_another(deployment: Deployment) -> None:
    batch = [deployment.traces.add(one) for one in audits(100)]
    certify = await deployment.certifier()
    await certify.fold_traces(batch)
    keys, redis = deployment.keys, deployment.connection.redis
    await redis.sadd(keys.uncounted, "t")
    await redis.hset(keys.certify("t"), "recount", "deleting:dead")
    await certify.look()
    assert (await deployment.status()).audits == 100, "somebody may be at it"
    with pytest.raises(StateUnavailable):
        await certify.fold_traces(batch)
    deployment.now += 10_000
    await certify.look()
    await certify.look()
    status = await deployment.status()
    assert (status.audits, status.complete) == (100, True)


async def test_an_unreadable_serving_state_holds_up_no_other_task(deployment: Deployment) -> None:
    """Its audits count, and its alarm is answered once the state can be read."""
    deployment.live.configure("a", parse_override(b'{"teacher": {"labels": ["yes", "no"]}}'))
    candidate = deployment.keys.candidate("a")
    await deployment.connection.redis.hset(candidate, items=["version", "v2", "mode", "rainbow"])
    deployment.response = AlarmResponse(
        deployment.live,
        deployment.registry,
        RefitQueue(deployment.connection, deployment.keys),
        AuditStore(deployment.connection, deployment.keys).is_restorable,
        deployment.told,
    )
    certify = await deployment.certifier()
    wrong = [replace(one, task="a") for one in audits(60, "a", range(60))]
    batch = [deployment.traces.add(one) for one in [*wrong, *audits(60, "t")]]
    await certify.fold_traces(batch)
    await certify.look()
    assert (await deployment.status()).audits == 60
    counted = await AuditStore(deployment.connection, deployment.keys).status("a", "v1")
    assert counted.audits == 60
    await deployment.connection.redis.delete(candidate)
    assert not (await deployment.registry.serving_state("a")).breaker.stops("v1")
    await certify.look()
    assert (await deployment.registry.serving_state("a")).breaker.stops("v1")
