"""A missing reply withdraws the claim, never the version; a failed audit is neither; both are told apart."""

from streams.certify.passed_by import GRACE
from streams.roles.certify import AuditCertifier
from tests.streams.roles.certifying import Deployment, asked, audit, audits, failure

HOUR = 3_600_000


async def test_silence_suspends_the_claim_and_no_version(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(300)])
    before = await deployment.status()
    await _ask(deployment, certify, 40)
    deployment.now += 6 * HOUR
    for _ in range(3):
        await certify.look()
    away, service = await deployment.status(), await deployment.service_status()
    assert (away.pending, away.overdue, away.certified) == (40, 40, False)
    assert away.suspended == service.suspended == "40 audits unanswered for more than 1 h"
    assert (deployment.alarms, away.alarm) == ([], before.alarm)
    lost = next(event for event in deployment.told.events if event.kind == "certificate_lost")
    assert "certificate suspended: 40 audits unanswered for more than 1 h" in lost.message
    assert lost.details["suspended"] == away.suspended
    await certify.fold_traces([deployment.traces.add(audit(f"s{number}")) for number in range(40)])
    back = await deployment.status()
    assert (back.audits, back.overdue, back.certified, back.suspended) == (340, 0, True, "")
    assert deployment.events() == ["certified", "certificate_lost", "certified"]


async def test_later_audits_carry_the_claim_over_silence(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(300)])
    await _ask(deployment, certify, 9)
    deployment.now += 2 * HOUR
    await certify.look()
    assert not (await deployment.status()).certified
    await certify.fold_traces([deployment.traces.add(one) for one in audits(400, "later")])
    status = await deployment.status()
    assert (status.overdue, status.certified, status.suspended) == (9, True, "")
    assert status.proof.counts.audits <= 709


async def test_what_the_teacher_passed_by_is_an_alarm(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(300)])
    deployment.now += 20_000
    await _ask(deployment, certify, 60)
    deployment.passed = deployment.now - 1
    deployment.now += GRACE
    await certify.look()
    assert deployment.alarms == [], "it may still be asked"
    deployment.passed = deployment.now
    for _ in range(3):
        await certify.look()
    ((_, _, evidence),) = deployment.alarms
    assert evidence.is_silence
    assert (evidence.unanswered, evidence.labels) == (60, {})
    status = await deployment.status()
    assert (status.silent, status.overdue) == (60, 0)
    await certify.fold_traces([deployment.traces.add(audit(f"s{number}")) for number in range(60)])
    await certify.look()
    assert len(deployment.alarms) == 1
    assert (await deployment.status()).silent == 0


async def test_failures_that_are_read_first_are_no_alarm(deployment: Deployment) -> None:
    """At a start the topics are read at once, and the failures may be read before all else."""
    certify = await deployment.certifier()
    await certify.fold_failures([deployment.failures.add(failure(f"f{number}")) for number in range(30)])
    deployment.now += HOUR
    await certify.look()
    assert deployment.alarms == []
    assert (await deployment.status()).failed == 30


async def test_a_failed_audit_counts_once_against_the_claim(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(300)])
    before = await deployment.status()
    await _ask(deployment, certify, 12)
    failures = [deployment.failures.add(failure(f"s{number}")) for number in (*range(12), 3, 7)]
    for batch in (failures[:5], failures, failures):
        await certify.fold_failures(batch)
        await (await deployment.certifier()).fold_failures(batch)
    status, service = await deployment.status(), await deployment.service_status()
    assert (status.audits, status.pending, status.failed, status.asked) == (300, 0, 12, 312)
    assert (service.pending, service.overdue, service.failed) == (0, 0, 12)
    assert status.suspended == service.suspended == "12 audits failed"
    assert status.bound < before.bound
    told = [one.message for one in deployment.told.events if one.kind == "audits_failed"]
    assert [message.split(";")[0] for message in told] == [
        "t: failed audits of v1: 5 of 312",
        "t: failed audits of v1: 12 of 312",
    ]
    assert told[0].endswith("the newest: refused")
    await certify.fold_traces([deployment.traces.add(audit(f"s{number}")) for number in range(12)])
    settled, service = await deployment.status(), await deployment.service_status()
    assert (settled.audits, settled.failed, settled.certified, settled.suspended) == (312, 0, True, "")
    assert (service.audits, service.failed, service.certified) == (312, 0, True)
    await certify.fold_failures(failures)
    assert (await deployment.status()).failed == 0, "read again after its label"


async def test_many_failures_are_an_alarm_and_a_few_are_none(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await _fail(deployment, certify, "few", 400, every=12)
    assert deployment.alarms == []
    await _fail(deployment, certify, "many", 60, every=1)
    _, _, evidence = deployment.alarms[0]
    assert evidence.unanswered > 0.5 * evidence.audits


async def test_what_an_absent_teacher_gave_up_is_no_alarm(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(300)])
    await _ask(deployment, certify, 200)
    given_up = [failure(f"s{number}", gave_up=True) for number in range(200)]
    deployment.now += HOUR
    await certify.fold_failures([deployment.failures.add(one) for one in given_up])
    deployment.now += HOUR
    await certify.look()
    status = await deployment.status()
    assert (deployment.alarms, status.failed, status.certified) == ([], 200, False)


async def test_failing_where_it_is_wrong_certifies_nothing(deployment: Deployment) -> None:
    deployment.configure(audit_rate=1.0, alarm_silence=1.0)
    certify = await deployment.certifier()
    await _fail(deployment, certify, "r", 1_000, every=10)
    status, service = await deployment.status(), await deployment.service_status()
    assert (status.audits, status.agreements, status.failed) == (900, 900, 100)
    assert (status.certified, service.certified) == (False, False)
    assert status.bound < 0.9
    assert status.suspended == "100 audits failed"


async def test_lost_failures_are_read_again(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await _fail(deployment, certify, "r", 100, every=20)
    before = await deployment.status()
    await deployment.restore({})
    await deployment.connection.redis.sadd(deployment.keys.tasks, "t")
    for _ in range(3):
        await certify.look()
    after = await deployment.status()
    assert (after.audits, after.failed, after.pending, after.complete) == (95, 5, 0, True)
    assert after.bound == before.bound


async def _ask(deployment: Deployment, certify: AuditCertifier, count: int) -> None:
    await certify.fold_deferrals([deployment.deferrals.add(asked(f"s{number}")) for number in range(count)])


async def _fail(deployment: Deployment, certify: AuditCertifier, name: str, count: int, every: int) -> None:
    """Audits that agree, in batches; the teacher fails on one of `every`."""
    for start in range(0, count, 20):
        names = [f"{name}{number}" for number in range(start, min(start + 20, count))]
        failing = [one for number, one in enumerate(names) if (start + number) % every == 0]
        await certify.fold_deferrals([deployment.deferrals.add(asked(one)) for one in names])
        await certify.fold_failures([deployment.failures.add(failure(one)) for one in failing])
        left = [one for one in names if one not in failing]
        await certify.fold_traces([deployment.traces.add(audit(one)) for one in left])
        deployment.now += 10_000
        await certify.look()
