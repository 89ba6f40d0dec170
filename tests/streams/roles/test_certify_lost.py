"""What Redis or a topic has lost is read again, and nothing counts twice, whoever dies meanwhile."""

import asyncio
import contextlib

import pytest

from schemas.messages import Teacher
from streams.certify.observations import DEFERRALS
from streams.errors import StateUnavailable
from streams.state.fold_offsets import FoldOffsets, OffsetsRead
from streams.state.registry import Registry
from tests.streams.roles.certifying import Deployment, asked, audit, audits


async def test_topics_that_get_an_identity_are_the_same_and_topics_of_another_one_are_counted_anew(
    deployment: Deployment,
) -> None:
    batch = [deployment.traces.add(one) for one in audits(100)]
    await (await deployment.certifier()).certified(batch)
    asked_for = deployment.deferrals.add(asked("late"))
    await (await deployment.certifier()).asked([asked_for])
    deployment.renamed("a")
    named = await deployment.certifier()
    await named.certified(batch)
    await named.asked([asked_for])
    finding = await deployment.status()
    assert (finding.audits, finding.pending) == (100, 1), "the same messages, under a name by now"
    old = deployment.traces
    deployment.renamed("b")
    other = await deployment.certifier()
    await other.certified(batch[:60])
    finding = await deployment.status()
    assert (finding.audits, finding.pending) == (60, 0), "what the topic holds now, and nothing besides"
    old.identity = "b"
    with pytest.raises(StateUnavailable):
        await named.certified(batch)
    assert (await deployment.status()).audits == 60, "whoever still reads the old topic changes nothing"


async def test_where_one_topic_is_made_again_the_other_one_is_read_again_and_the_teacher_is_known(
    deployment: Deployment,
) -> None:
    batch = [deployment.traces.add(one) for one in audits(40)]
    other = Teacher("another")
    batch += [deployment.traces.add(one) for one in audits(10, "s", teacher=other, replied_at=900_000)]
    deployment.renamed("old", [DEFERRALS])
    first = await deployment.certifier()
    await first.certified(batch)
    await first.asked([deployment.deferrals.add(asked("gone"))])
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
    finding = await deployment.status()
    assert (finding.audits, finding.pending, finding.complete) == (10, 0, True)
    registry = Registry(deployment.connection, deployment.keys, 5)
    assert await registry.teacher_since("t") == 900_000


async def test_redis_that_is_emptied_is_noticed_and_what_it_held_is_read_again(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    batches = [
        [deployment.traces.add(one, partition) for one in audits(100, f"p{partition}-", [7])]
        for partition in (0, 1)
    ]
    for batch in batches:
        await certify.certified(batch)
    await certify.asked([deployment.deferrals.add(asked(name)) for name in ("p0-7", "lost")])
    before = await deployment.status()
    assert before.certified
    await deployment.restore({})
    with pytest.raises(StateUnavailable):
        await certify.certified([deployment.traces.add(audit("next"))])
    seen: list[bool] = []

    async def look() -> None:
        seen.append((await deployment.status()).certified)

    deployment.traces.between.append(look)
    await certify.look()
    after = await deployment.status()
    assert len(seen) > 50
    assert not any(seen), "nothing is claimed from a part"
    assert (after.audits, after.agreements, after.pending, after.certified) == (201, 199, 1, True)


async def test_redis_that_is_emptied_while_it_is_made_whole_is_made_whole_again(
    deployment: Deployment,
) -> None:
    certify, other = await deployment.certifier(), await deployment.certifier()
    await certify.certified([deployment.traces.add(one) for one in audits(60)])
    await certify.asked([deployment.deferrals.add(asked("silent"))])
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
    finding = await deployment.status()
    assert left[0] < 0
    assert (finding.audits, finding.pending, finding.complete) == (60, 1, True)


async def test_a_worker_that_dies_while_it_reads_again_is_replaced_once_it_stands_still(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    await certify.certified([deployment.traces.add(one) for one in audits(60)])
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
    finding = await deployment.status()
    assert (finding.complete, finding.audits) == (True, 60)


@pytest.mark.parametrize("restarted", [False, True])
async def test_redis_that_is_set_back_is_brought_forward_and_nothing_counts_twice(
    deployment: Deployment, restarted: bool
) -> None:
    certify = await deployment.certifier()
    first, second = ([deployment.traces.add(one) for one in audits(50, name)] for name in "ab")
    await certify.certified(first)
    snapshot = await deployment.snapshot()
    await certify.certified(second)
    await certify.asked([deployment.deferrals.add(asked("silent"))])
    await deployment.restore(snapshot)
    if restarted:
        deployment.traces.commits, deployment.deferrals.commits = {"traces:0": 199}, {"deferrals:0": 1}
        certify = await deployment.certifier()
    third = [deployment.traces.add(one) for one in audits(50, "c")]
    with pytest.raises(StateUnavailable):
        await certify.certified(third)
    await certify.look()
    await certify.certified(third)
    finding = await deployment.status()
    assert (finding.audits, finding.pending, finding.complete) == (150, 1, True)


async def test_what_is_folded_while_redis_answers_is_not_taken_for_lost(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    certify = await deployment.certifier()
    asked_redis = FoldOffsets.read

    async def overtaken(marks: FoldOffsets) -> OffsetsRead:
        answer = await asked_redis(marks)
        await certify.certified([deployment.traces.add(audit("meanwhile"))])
        return answer

    monkeypatch.setattr(FoldOffsets, "read", overtaken)
    await certify.look()
    assert "lost" not in caplog.text
    assert (await deployment.status()).audits == 1


async def test_a_certifier_that_was_killed_anywhere_counts_what_it_is_given_again_once(
    deployment: Deployment,
) -> None:
    batch = [deployment.traces.add(one) for one in audits(30, disagree=[3])]
    for size in (10, 20, 30):
        await (await deployment.certifier()).certified(batch[:size])
        await (await deployment.certifier()).certified(batch[:size])
    finding = await deployment.status()
    assert (finding.audits, finding.agreements) == (30, 29)


async def _die() -> None:
    raise asyncio.CancelledError
