"""Audits of the version that answered count once, and nothing else; events and alarms follow."""

import itertools

import msgspec
import pytest

from models.artifact import Artifact
from models.certificate import Certificate, budget_share
from schemas.messages import Guess, Teacher
from streams.errors import StateUnavailable
from tests.streams.fakes import flat, reasons, trace
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
    assert len(reasons(flat(await certify.fold_traces(batch)))) == 1
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
    deployment.answers = [StateUnavailable("away"), StateUnavailable("away"), None]
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
    deployment.answers = ["no"]
    fall = [*audits(300, "good"), *audits(12, "bad", range(12), label="no"), *audits(600, "later")]
    await certify.fold_traces([deployment.traces.add(one) for one in fall])
    status = await deployment.status()
    assert (status.alarms, status.certified, status.is_restorable) == (0, True, True)


async def test_answers_before_a_block_raise_no_alarm(deployment: Deployment) -> None:
    deployment.configure(audit_rate=1.0, label_floor=0.0)
    certify = await deployment.certifier()
    deployment.answers = ["no"]
    good, fall, slow = audits(300, "good"), audits(12, "bad", range(12), label="no"), audits(1, "slow")
    held = audits(40, "held", range(40), label="no")
    for given in ([*good, *fall], slow, held):
        await certify.fold_deferrals([deployment.deferrals.add(asked(one.id)) for one in given])
        deployment.now += 2_000
    await certify.fold_traces([deployment.traces.add(one) for one in held])
    assert deployment.alarms == [], "they wait for the slow one"
    await certify.fold_traces([deployment.traces.add(one) for one in [*good, *fall]])
    assert len(deployment.alarms) == 1
    assert (await deployment.status()).alarm == 0.0, "it starts again, without the rest of the fall"
    await certify.fold_traces([deployment.traces.add(one) for one in slow])
    assert len(deployment.alarms) == 1
    status = await deployment.status()
    assert (status.audits, status.agreements) == (353, 301), "the certificate counts them all"
    others = audits(12, "others", range(12))
    await certify.fold_traces([deployment.traces.add(one) for one in others])
    assert len(deployment.alarms) == 2, "the other labels are watched"


async def test_audits_count_whatever_the_rate_was(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    for number, rate in enumerate(("auto", 0.01, 0.5)):
        deployment.configure(audit_rate=rate)
        given = [audit(f"{number}-{one}", inclusion=0.1 * number) for one in range(100)]
        await certify.fold_traces([deployment.traces.add(one) for one in given])
        assert (await deployment.status()).audits == 100 * (number + 1)
    assert deployment.events() == ["certified"], "one certificate, and it never began again"


async def test_unanswered_audits_count_until_they_are_answered(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    for second in range(400):
        deployment.now += 1_000
        await certify.fold_deferrals([deployment.deferrals.add(asked(f"r{second}"))])
        if second % 10:  # the others are answered a little later than anybody looks
            await certify.fold_traces([deployment.traces.add(audit(f"r{second}"))])
    status = await deployment.status()
    assert (status.audits, status.agreements, status.pending) == (360, 360, 40)
    assert not status.certified, "at 10 in 100, the missing replies are too many"
    assert 0.8 < status.bound < 0.9
    late = [audit(f"r{second}") for second in range(0, 400, 10)]
    await certify.fold_traces([deployment.traces.add(one) for one in late])
    status = await deployment.status()
    assert (status.certified, status.unanswered, status.until) == (True, 0, deployment.now)


async def test_a_reply_read_early_waits_for_its_deferral(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    given = [audit(f"r{number}", requested_at=deployment.now) for number in range(300)]
    await certify.fold_traces([deployment.traces.add(one) for one in given])
    early = await deployment.status()
    assert (early.audits, early.proven_audits, early.certified) == (300, 0, False)
    questions = [deployment.deferrals.add(asked(f"r{number}")) for number in range(250)]
    await certify.fold_deferrals(questions)
    status = await deployment.status()
    assert (status.audits, status.proven_audits, status.pending, status.certified) == (300, 250, 0, True)
    deployment.now += 3_600_000
    await certify.look()
    await certify.fold_deferrals([deployment.deferrals.add(asked("other"))])
    assert (await deployment.status()).proven_audits == 300, "a deferral an hour late is not waited for"


async def test_the_service_counts_all_versions_once(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    for number in range(3):
        given = audits(50, f"v{number}-", version=f"v{number}")
        questions = [deployment.deferrals.add(asked(f"v{number}-{one}", f"v{number}")) for one in range(50)]
        await certify.fold_deferrals(questions)
        await certify.fold_traces([deployment.traces.add(one) for one in given])
    service = await deployment.service_status()
    assert (service.audits, service.agreements, service.pending, service.certified) == (150, 150, 0, True)
    assert not any([(await deployment.status(f"v{number}")).certified for number in range(3)])
    assert [event.kind.value for event in deployment.told.events] == ["service_certified"]
    await certify.fold_deferrals([deployment.deferrals.add(asked(f"s{one}", "v1")) for one in range(20)])
    assert (await deployment.service_status()).pending == 20
    await deployment.connection.redis.delete(deployment.keys.service("t"))
    other = Teacher("another")
    new = [audit(f"s{one}", version="v1", teacher=other, replied_at=9_900_000) for one in range(15)]
    await certify.fold_traces([deployment.traces.add(one) for one in new])
    service = await deployment.service_status()
    assert (service.audits, service.pending) == (0, 0), "asked before this teacher answered: not its own"
    deployment.now += 10
    await certify.fold_deferrals([deployment.deferrals.add(asked(f"t{one}", "v2")) for one in range(30)])
    more = [audit(f"t{one}", version="v2", teacher=other, replied_at=9_900_001) for one in range(25)]
    await certify.fold_traces([deployment.traces.add(one) for one in more])
    service = await deployment.service_status()
    assert (service.audits, service.agreements, service.pending) == (25, 25, 5)


async def test_a_task_of_an_earlier_release_begins_its_service(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.fold_deferrals([deployment.deferrals.add(asked(f"r{one}")) for one in range(50)])
    await certify.fold_traces([deployment.traces.add(one) for one in audits(40)])
    key = deployment.keys.certify("t")
    state = msgspec.json.decode(await deployment.connection.redis.hget(key, "record"))
    del state["service"]
    await deployment.connection.redis.hset(key, "record", msgspec.json.encode(state))
    deployment.now += 1_000
    await certify.fold_traces([deployment.traces.add(audit(f"r{one}")) for one in range(40, 50)])
    assert (await deployment.status()).audits == 50
    assert (await deployment.service_status()).audits == 0, "asked before it began"
    deployment.now += 1_000
    await certify.fold_deferrals([deployment.deferrals.add(asked(f"n{one}")) for one in range(5)])
    await certify.fold_traces([deployment.traces.add(audit(f"n{one}")) for one in range(4)])
    service = await deployment.service_status()
    assert (service.audits, service.pending) == (4, 1)


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
