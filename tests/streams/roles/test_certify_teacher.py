"""Who answers an audit, when, and how steadily: what each means for the certificate."""

from typing import Any

from msgspec.structs import replace

from models.study import RepeatCounts
from schemas.messages import Answer, Reason, Teacher, Trace
from streams.certify.consistency import Consistency
from streams.state.registry import Registry
from tests.streams.fakes import trace
from tests.streams.roles.certifying import TEACHER, Deployment, asked, audit, audits


async def test_another_teacher_has_its_own_certificate(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(300)])
    before = await deployment.status()
    deployment.events()
    other = Teacher("model", "another prompt")
    await certify.fold_traces(
        [deployment.traces.add(one) for one in audits(300, "s", teacher=other, replied_at=900_000)]
    )
    after = await deployment.status()
    assert (before.audits, after.audits) == (300, 300)
    assert 0.0 < after.bound < before.bound, "the second certificate spends a smaller share of delta"
    assert sorted(deployment.events()) == ["certified", "teacher_changed"]
    shown = await deployment.connection.redis.hgetall(deployment.keys.teacher("t"))
    assert shown == {b"model": b"model", b"prompt": b"another prompt", b"since": b"900000"}
    await certify.fold_traces([deployment.traces.add(audit("late", replied_at=800_000))])
    assert (await deployment.status()).audits == 300, "an older reply of the first is no change back"
    assert deployment.events() == []


async def test_two_calls_of_an_app_before_the_teachers_own_rule_out_no_seeded_trace(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    app, own = Teacher("model", "of an app"), Teacher("model", "own")
    calls = [trace(f"c{at}", reason=Reason.OPERATOR, teacher=app, replied_at=500_000 + at) for at in range(2)]
    labels = [trace(f"r{at}", teacher=own, replied_at=600_000 + at) for at in range(100)]
    await certify.fold_traces([deployment.traces.add(one) for one in calls])
    deployment.now += 120_000
    await certify.fold_traces([deployment.traces.add(one) for one in labels])
    shown = await deployment.connection.redis.hgetall(deployment.keys.teacher("t"))
    assert shown == {b"model": b"model", b"prompt": b"own", b"since": b"0"}
    assert deployment.events() == []


async def test_a_handful_of_calls_with_another_prompt_ends_no_certificate(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(300)])
    before = await deployment.status()
    deployment.events()
    app = Teacher("model", "of an app")
    for reason in (Reason.NO_POLICY, Reason.OPERATOR, Reason.UNCERTIFIED, Reason.UNAVAILABLE):
        calls = [trace(f"{reason}{at}", reason=reason, teacher=app, replied_at=900_000) for at in range(9)]
        await certify.fold_traces([deployment.traces.add(one) for one in calls])
    assert await deployment.status() == before
    assert deployment.events() == []


async def test_seeded_traces_change_no_teacher_and_count_nowhere(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(300)])
    before = await deployment.status()
    deployment.events()
    other = Teacher("of a file")
    seeds = audits(300, "s", teacher=other, replied_at=900_000)
    await certify.fold_traces([deployment.traces.add(replace(one, reason=Reason.SEEDED)) for one in seeds])
    assert await deployment.status() == before
    assert deployment.events() == []


def second(request: str, label: str, **given: Any) -> Trace:
    """What the teacher said when it was asked the same again; the first time it said yes."""
    return trace(request, label=label, teacher=TEACHER, first=Answer("yes", TEACHER), **given)


async def test_a_ceiling_below_the_target_makes_an_event(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    said = [second(f"r{number}", "no" if number % 4 == 0 else "yes") for number in range(200)]
    batch = [deployment.traces.add(one) for one in said]
    for _ in range(2):
        await (await deployment.certifier()).fold_traces(batch)
    await certify.look()
    assert deployment.events() == ["teacher_unsteady"], "once, however often it is read and looked at"
    registry = Registry(deployment.connection, deployment.keys, 5)
    assert await registry.repeat_counts("t") == RepeatCounts(200, 150)
    assert (await deployment.status()).audits == 0
    deployment.configure(audit_rate=1.0, target_agreement=0.5)
    await certify.look()
    assert deployment.events() == [], "half of the answers can be foretold"
    other = Teacher("another")
    observations = [
        audit("s", teacher=other, replied_at=900_000),
        trace("t", teacher=other, first=Answer("no", TEACHER)),
    ]
    await certify.fold_traces([deployment.traces.add(one) for one in observations])
    assert await registry.repeat_counts("t") == RepeatCounts(0, 0), "nothing is known of another teacher"


async def test_a_consistent_teacher_makes_no_event(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(second(f"r{number}", "yes")) for number in range(500)])
    assert deployment.events() == []
    assert Consistency(500, 500).ceiling(0.05) > 0.999


async def test_only_certify_s_clock_makes_audits_overdue(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    year = 365 * 24 * 3600 * 1000
    jumps = [deployment.deferrals.add(asked(f"s{at}", requested_at=at)) for at in (0, year, 80 * year)]
    await certify.fold_deferrals(jumps)
    future = audit("r1", requested_at=90 * year, replied_at=90 * year)
    await certify.fold_traces([deployment.traces.add(future), deployment.traces.add(audit("r2"))])
    await certify.look()
    status = await deployment.status()
    assert (status.audits, status.pending, status.overdue) == (2, 3, 0)
    deployment.now -= year
    await certify.look()
    assert (await deployment.status()).overdue == 0
