"""Audits of the version that answered count once, and nothing else; events and alarms follow."""

import itertools

import pytest

from models.artifact import Artifact
from models.certificate import Certificate, budget_share
from schemas.messages import Guess
from streams.errors import StateUnavailable
from tests.streams.fakes import reasons, trace
from tests.streams.roles.certifying import Deployment, asked, audit, audits


async def test_only_sampled_audits_of_an_answer_count(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    for number, given in enumerate(itertools.product([True, False], repeat=3)):
        audited, sampled, answered = given
        guess = Guess("yes", 0.9, 0.1, f"v{number}") if answered else None
        one = deployment.traces.add(trace(f"r{number}", audit=audited, sampled=sampled, guess=guess))
        assert await certify.fold_traces([one]) == []
        assert (await deployment.status(f"v{number}")).audits == int(all(given))


async def test_an_unreadable_trace_is_a_dead_letter(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    batch = [deployment.traces.add(b"{}"), deployment.traces.add(audit("r1"))]
    assert len(reasons(await certify.fold_traces(batch))) == 1
    await certify.fold_deferrals([deployment.deferrals.add(b"{}"), deployment.deferrals.add(asked("r2"))])
    status = await deployment.status()
    assert (status.audits, status.pending) == (1, 1)


async def test_a_refuted_label_is_blocked_once(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    one_bad = [*audits(40, "good"), *audits(20, "bad", range(0, 20, 2), label="no")]
    for given in (one_bad, audits(1, "more")):
        await certify.fold_traces([deployment.traces.add(one) for one in given])
    assert await deployment.connection.redis.smembers(deployment.keys.blocked("t", "v1")) == {b"no"}
    assert deployment.events().count("label_blocked") == 1
    assert (await deployment.status()).labels == {"yes": Certificate(41, 41), "no": Certificate(20, 10)}


async def test_a_stopped_version_s_label_makes_no_event(
    deployment: Deployment,
) -> None:
    for number in (1, 2):
        found = Artifact(b"manifest", b"graph")
        assert await deployment.registry.publish("t", f"v{number}", number, 0, found, number)
    certify = await deployment.certifier()
    for version, told in (("v1", 0), ("v2", 1)):
        given = audits(20, version, range(20), label="no", version=version)
        await certify.fold_traces([deployment.traces.add(one) for one in given])
        assert await deployment.registry.blocked_labels("t", version) == {"no"}
        assert deployment.events().count("label_blocked") == told


async def test_the_certificate_follows_the_config(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(400)])
    first = await deployment.status()
    assert first.certified
    assert first.bound > 0.98
    for target, certified, told in ((0.999, False, ["certificate_lost"]), (0.9, True, ["certified"])):
        deployment.events()
        deployment.configure(audit_rate=1.0, target_agreement=target)
        await certify.look()
        status = await deployment.status()
        assert (status.certified, status.bound, status.audits) == (certified, first.bound, 400)
        assert deployment.events() == told
    deployment.configure(audit_rate=1.0, target_agreement=0.9, delta=1e-12)
    await certify.look()
    stricter = await deployment.status()
    assert stricter.audits == 400
    assert 0.9 < stricter.bound < first.bound, "less chance of error proves less, from the same counts"


async def test_a_lost_certificate_returns_with_some_room(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    budget = budget_share(0.05, 1)

    async def until(certified: bool, *, agreed: bool) -> Certificate:
        for number in itertools.count():
            one = audit(f"{certified}{agreed}{number}", agreed=agreed)
            await certify.fold_traces([deployment.traces.add(one)])
            status = await deployment.status()
            if status.certified is certified:
                return Certificate(status.audits, status.agreements)
        raise AssertionError

    first = await until(True, agreed=True)
    assert first.certifies(0.95, budget)
    assert not Certificate(first.audits - 1, first.agreements - 1).certifies(0.95, budget)
    lost = await until(False, agreed=False)
    assert not lost.certifies(0.95, budget)
    again = await until(True, agreed=True)
    assert again.certifies(0.95, budget / 5)
    assert not Certificate(again.audits - 1, again.agreements - 1).certifies(0.95, budget / 5)
    assert deployment.events() == ["certified", "certificate_lost", "certified"]


async def test_an_alarm_is_answered_before_the_commit(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    deployment.answers = [StateUnavailable("away"), StateUnavailable("away"), False]
    fall = [*audits(50, "good"), *audits(40, "bad", range(0, 40, 2))]
    batch = [deployment.traces.add(one) for one in fall]
    with pytest.raises(StateUnavailable):
        await certify.fold_traces(batch)
    with pytest.raises(StateUnavailable):
        await (await deployment.certifier()).fold_traces(batch)
    await certify.look()
    await certify.fold_traces(batch)
    assert len(deployment.alarms) == 3, "answered once, and not told again"
    task, version, evidence = deployment.alarms[-1]
    assert (task, version, evidence.target, evidence.counts) == ("t", "v1", 0.95, Certificate(90, 70))
    assert evidence.labels["yes"].agreements < 0.7 * evidence.labels["yes"].audits, "since the fall"
    status = await deployment.status()
    assert status.alarms >= 1
    assert not status.is_restorable


async def test_an_excused_alarm_leaves_the_version(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    deployment.answers = [True]
    fall = [*audits(300, "good"), *audits(12, "bad", range(12), label="no"), *audits(600, "later")]
    await certify.fold_traces([deployment.traces.add(one) for one in fall])
    status = await deployment.status()
    assert (status.alarms, status.certified, status.is_restorable) == (0, True, True)


async def test_audits_over_the_lowest_rate_feed_the_alarm(deployment: Deployment) -> None:
    deployment.configure(audit_rate="auto", audit_low=0.25, audit_high=1.0)
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(400)])
    status = await deployment.status()
    assert 60 < status.audits < 140
    low = [audit(f"late{number}", inclusion=0.1) for number in range(400)]
    await certify.fold_traces([deployment.traces.add(one) for one in low])
    lower = await deployment.status()
    assert lower.audits < 80, "a rate below what was allowed begins a new certificate"
    assert lower.bound < status.bound


async def test_a_repeated_request_counts_once_a_version(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    same = [audit("r", agreed=number % 2 == 0) for number in range(20)]
    other = audit("r", version="v2")
    for batch in (same[:5], same[5:], [other, other], [audit("s")]):
        await certify.fold_traces([deployment.traces.add(one) for one in batch])
    await certify.fold_deferrals([deployment.deferrals.add(asked("r")) for _ in range(3)])
    statuses = [await deployment.status(version) for version in ("v1", "v2")]
    counts = [(found.audits, found.agreements, found.pending) for found in statuses]
    assert counts == [(2, 2, 0), (1, 1, 0)]
    assert deployment.alarms == [], "the alarm, too, takes each once"
    deployment.traces.commits = {"traces:0": 2 * len(deployment.traces.messages)}
    again = await deployment.certifier()
    await deployment.restore({})
    await again.look()
    assert (await deployment.status()).audits == 2, "also when all is read again"


async def test_deferral_and_trace_come_in_any_order(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    question, reply = deployment.deferrals.add(asked("r1")), deployment.traces.add(audit("r1"))
    again = deployment.deferrals.add(asked("r1"))
    await certify.fold_traces([reply])
    await certify.fold_deferrals([question, again])
    status = await deployment.status()
    assert (status.audits, status.pending) == (1, 0)


async def test_two_versions_are_counted_apart(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    both = [audit(f"r{number}", version=f"v{number % 2}", agreed=number % 4 != 0) for number in range(80)]
    await certify.fold_traces([deployment.traces.add(one, number % 2) for number, one in enumerate(both)])
    found = [await deployment.status(version) for version in ("v0", "v1")]
    assert [(status.audits, status.agreements) for status in found] == [(40, 20), (40, 40)]
