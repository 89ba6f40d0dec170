"""Audits of the version that answered count once, and nothing else; what follows is told, and acted on."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.artifact import Artifact
from models.certificate import Certificate, spent
from models.study import Twice
from schemas.messages import Answer, Guess, Teacher, Trace
from schemas.names import Keys
from streams.certify.alarm import Counts
from streams.certify.consistency import Consistency
from streams.errors import StateUnavailable
from streams.state.connection import Connection
from streams.state.marks import Folded, Marks
from streams.state.registry import Registry
from tests.streams.building import reasons, trace
from tests.streams.roles.certifying import TEACHER, Deployment, asked, audit, audits


@pytest.fixture
async def deployment(connection: Connection, keys: Keys) -> AsyncIterator[Deployment]:
    deployed = Deployment(connection, keys)
    deployed.configure(audit_rate=1.0)
    yield deployed
    await deployed.restore({})


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
    finding = await deployment.finding()
    assert (finding.audits, finding.pending) == (100, 1), "the same messages, under a name by now"
    old = deployment.traces
    deployment.renamed("b")
    other = await deployment.certifier()
    await other.certified(batch[:60])
    finding = await deployment.finding()
    assert (finding.audits, finding.pending) == (60, 0), "what the topic holds now, and nothing besides"
    old.identity = "b"
    with pytest.raises(StateUnavailable):
        await named.certified(batch)
    assert (await deployment.finding()).audits == 60, "whoever still reads the old topic changes nothing"


async def test_only_sampled_audits_of_an_answer_count(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    for number, given in enumerate(itertools.product([True, False], repeat=3)):
        audited, sampled, answered = given
        guess = Guess("yes", 0.9, 0.1, f"v{number}") if answered else None
        one = deployment.traces.add(trace(f"r{number}", audit=audited, sampled=sampled, guess=guess))
        assert await certify.certified([one]) == []
        assert (await deployment.finding(f"v{number}")).audits == int(all(given))


async def test_a_trace_that_can_not_be_read_is_a_dead_letter_and_the_others_count(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    batch = [deployment.traces.add(b"{}"), deployment.traces.add(audit("r1"))]
    assert len(reasons(await certify.certified(batch))) == 1
    await certify.asked([deployment.deferrals.add(b"{}"), deployment.deferrals.add(asked("r2"))])
    finding = await deployment.finding()
    assert (finding.audits, finding.pending) == (1, 1)


async def test_a_label_that_its_audits_refute_is_blocked_and_told_once(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    one_bad = [*audits(40, "good"), *audits(20, "bad", range(0, 20, 2), label="no")]
    for given in (one_bad, audits(1, "more")):
        await certify.certified([deployment.traces.add(one) for one in given])
    assert await deployment.connection.redis.smembers(deployment.keys.blocked("t", "v1")) == {b"no"}
    assert deployment.events().count("label_blocked") == 1
    assert (await deployment.finding()).labels == {"yes": Counts(41, 41), "no": Counts(20, 10)}


async def test_a_label_of_a_version_that_answers_no_more_is_blocked_without_a_word(
    deployment: Deployment,
) -> None:
    for number in (1, 2):
        found = Artifact(b"manifest", b"graph")
        assert await deployment.registry.publish("t", f"v{number}", number, 0, found, number)
    certify = await deployment.certifier()
    for version, told in (("v1", 0), ("v2", 1)):
        given = audits(20, version, range(20), label="no", version=version)
        await certify.certified([deployment.traces.add(one) for one in given])
        assert await deployment.registry.blocked("t", version) == {"no"}
        assert deployment.events().count("label_blocked") == told


async def test_the_claim_follows_the_config_and_the_bound_does_not(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.certified([deployment.traces.add(one) for one in audits(400)])
    first = await deployment.finding()
    assert first.certified
    assert first.bound > 0.98
    for target, certified, told in ((0.999, False, ["certificate_lost"]), (0.9, True, ["certified"])):
        deployment.events()
        deployment.configure(audit_rate=1.0, target_agreement=target)
        await certify.look()
        finding = await deployment.finding()
        assert (finding.certified, finding.bound, finding.audits) == (certified, first.bound, 400)
        assert deployment.events() == told
    deployment.configure(audit_rate=1.0, target_agreement=0.9, delta=1e-12)
    await certify.look()
    stricter = await deployment.finding()
    assert stricter.audits == 400
    assert 0.9 < stricter.bound < first.bound, "less chance of error proves less, from the same counts"


async def test_a_claim_that_was_lost_is_made_again_only_with_some_room(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    budget = spent(0.05, 1)

    async def until(certified: bool, *, agreed: bool) -> Certificate:
        for number in itertools.count():
            one = audit(f"{certified}{agreed}{number}", agreed=agreed)
            await certify.certified([deployment.traces.add(one)])
            finding = await deployment.finding()
            if finding.certified is certified:
                return Certificate(finding.audits, finding.agreements)
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


async def test_an_alarm_is_answered_before_anything_is_committed_and_until_then_told_again(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    deployment.answers = [StateUnavailable("away"), StateUnavailable("away"), False]
    fall = [*audits(50, "good"), *audits(40, "bad", range(0, 40, 2))]
    batch = [deployment.traces.add(one) for one in fall]
    with pytest.raises(StateUnavailable):
        await certify.certified(batch)
    with pytest.raises(StateUnavailable):
        await (await deployment.certifier()).certified(batch)
    await certify.look()
    await certify.certified(batch)
    assert len(deployment.alarms) == 3, "answered once, and not told again"
    task, version, evidence = deployment.alarms[-1]
    assert (task, version, evidence.target, evidence.counts) == ("t", "v1", 0.95, Counts(90, 70))
    assert evidence.labels["yes"].agreements < 0.7 * evidence.labels["yes"].audits, "since the fall"
    finding = await deployment.finding()
    assert finding.alarms >= 1
    assert not finding.stands


async def test_an_alarm_that_was_answered_by_blocking_a_label_does_not_speak_against_the_version(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    deployment.answers = [True]
    fall = [*audits(300, "good"), *audits(12, "bad", range(12), label="no"), *audits(600, "later")]
    await certify.certified([deployment.traces.add(one) for one in fall])
    finding = await deployment.finding()
    assert (finding.alarms, finding.certified, finding.stands) == (0, True, True)


async def test_another_teacher_makes_another_certificate_with_a_budget_of_its_own(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    await certify.certified([deployment.traces.add(one) for one in audits(300)])
    before = await deployment.finding()
    deployment.events()
    other = Teacher("model", "another prompt")
    await certify.certified(
        [deployment.traces.add(one) for one in audits(300, "s", teacher=other, replied_at=900_000)]
    )
    after = await deployment.finding()
    assert (before.audits, after.audits) == (300, 300)
    assert 0.0 < after.bound < before.bound, "the second certificate spends a smaller share of delta"
    assert sorted(deployment.events()) == ["certified", "teacher_changed"]
    shown = await deployment.connection.redis.hgetall(deployment.keys.teacher("t"))
    assert shown == {b"model": b"model", b"prompt": b"another prompt", b"since": b"900000"}
    await certify.certified([deployment.traces.add(audit("late", replied_at=800_000))])
    assert (await deployment.finding()).audits == 300, "an older reply of the first is no change back"
    assert deployment.events() == []


def second(request: str, label: str, **given: Any) -> Trace:
    """What the teacher said when it was asked the same again; the first time it said yes."""
    return trace(request, label=label, teacher=TEACHER, first=Answer("yes", TEACHER), **given)


async def test_second_answers_count_for_the_teacher_alone_and_once_and_a_ceiling_below_the_target_is_told(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    said = [second(f"r{number}", "no" if number % 4 == 0 else "yes") for number in range(200)]
    batch = [deployment.traces.add(one) for one in said]
    for _ in range(2):
        await (await deployment.certifier()).certified(batch)
    await certify.look()
    assert deployment.events() == ["teacher_unsteady"], "once, however often it is read and looked at"
    registry = Registry(deployment.connection, deployment.keys, 5)
    assert await registry.asked_twice("t") == Twice(200, 150)
    assert (await deployment.finding()).audits == 0
    deployment.configure(audit_rate=1.0, target_agreement=0.5)
    await certify.look()
    assert deployment.events() == [], "half of the answers can be foretold"
    other = Teacher("another")
    news = [
        audit("s", teacher=other, replied_at=900_000),
        trace("t", teacher=other, first=Answer("no", TEACHER)),
    ]
    await certify.certified([deployment.traces.add(one) for one in news])
    assert await registry.asked_twice("t") == Twice(0, 0), "nothing is known of another teacher"


async def test_a_steady_teacher_has_no_ceiling_worth_telling(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    await certify.certified([deployment.traces.add(second(f"r{number}", "yes")) for number in range(500)])
    assert deployment.events() == []
    assert Consistency(500, 500).ceiling(0.05) > 0.999


async def test_audits_above_the_lowest_rate_inform_the_alarm_alone(deployment: Deployment) -> None:
    deployment.configure(audit_rate="auto", audit_low=0.25, audit_high=1.0)
    certify = await deployment.certifier()
    await certify.certified([deployment.traces.add(one) for one in audits(400)])
    finding = await deployment.finding()
    assert 60 < finding.audits < 140
    low = [audit(f"late{number}", inclusion=0.1) for number in range(400)]
    await certify.certified([deployment.traces.add(one) for one in low])
    lower = await deployment.finding()
    assert lower.audits < 80, "a rate below what was allowed begins a new certificate"
    assert lower.bound < finding.bound


async def test_overdue_audits_count_as_disagreements_until_their_replies_come(deployment: Deployment) -> None:
    deployment.configure(audit_rate=1.0, audit_overdue=60.0, alarm_run_length=1e9)
    certify = await deployment.certifier()
    await certify.certified([deployment.traces.add(one) for one in audits(300)])
    await certify.asked([deployment.deferrals.add(asked(f"s{number}")) for number in range(9)])
    fresh = await deployment.finding()
    deployment.now += 61_000
    await certify.look()
    silent = await deployment.finding()
    assert (fresh.pending, fresh.overdue, fresh.certified) == (9, 0, True)
    assert (silent.pending, silent.overdue, silent.certified) == (9, 9, False)
    assert silent.bound < fresh.bound
    replies = [audit(f"s{number}") for number in (4, 1, 1, 0, 2)]
    await certify.certified([deployment.traces.add(one) for one in replies])
    late = await deployment.finding()
    assert (late.audits, late.pending, late.overdue) == (304, 5, 5), "one came twice"
    await certify.certified([deployment.traces.add(audit(f"s{number}")) for number in (3, 5, 6, 7, 8)])
    settled = await deployment.finding()
    assert (settled.pending, settled.overdue, settled.certified) == (0, 0, True)
    assert deployment.events() == ["certified", "certificate_lost", "certified"]


async def test_a_teacher_that_stays_silent_raises_the_alarm_once(deployment: Deployment) -> None:
    deployment.configure(audit_rate=1.0, audit_overdue=60.0)
    certify = await deployment.certifier()
    await certify.asked([deployment.deferrals.add(asked(f"s{number}")) for number in range(30)])
    assert deployment.alarms == []
    deployment.now += 61_000
    for _ in range(3):
        await certify.look()
    assert len(deployment.alarms) == 1


async def test_no_clock_but_certify_s_makes_an_audit_overdue(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    year = 365 * 24 * 3600 * 1000
    jumps = [deployment.deferrals.add(asked(f"s{at}", requested_at=at)) for at in (0, year, 80 * year)]
    await certify.asked(jumps)
    future = audit("r1", requested_at=90 * year, replied_at=90 * year)
    await certify.certified([deployment.traces.add(future), deployment.traces.add(audit("r2"))])
    await certify.look()
    finding = await deployment.finding()
    assert (finding.audits, finding.pending, finding.overdue) == (2, 3, 0)
    deployment.now -= year
    await certify.look()
    assert (await deployment.finding()).overdue == 0


async def test_a_request_that_a_client_repeats_counts_once_for_each_version_that_answered_it(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    same = [audit("r", agreed=number % 2 == 0) for number in range(20)]
    other = audit("r", version="v2")
    for batch in (same[:5], same[5:], [other, other], [audit("s")]):
        await certify.certified([deployment.traces.add(one) for one in batch])
    await certify.asked([deployment.deferrals.add(asked("r")) for _ in range(3)])
    findings = [await deployment.finding(version) for version in ("v1", "v2")]
    counts = [(found.audits, found.agreements, found.pending) for found in findings]
    assert counts == [(2, 2, 0), (1, 1, 0)]
    assert deployment.alarms == [], "the alarm, too, takes each once"
    deployment.traces.commits = {"traces:0": 2 * len(deployment.traces.messages)}
    again = await deployment.certifier()
    await deployment.restore({})
    await again.look()
    assert (await deployment.finding()).audits == 2, "also when all is read again"


async def test_which_of_deferral_and_trace_is_read_first_does_not_matter(deployment: Deployment) -> None:
    certify = await deployment.certifier()
    question, reply = deployment.deferrals.add(asked("r1")), deployment.traces.add(audit("r1"))
    again = deployment.deferrals.add(asked("r1"))
    await certify.certified([reply])
    await certify.asked([question, again])
    finding = await deployment.finding()
    assert (finding.audits, finding.pending) == (1, 0)


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
    before = await deployment.finding()
    assert before.certified
    await deployment.restore({})
    with pytest.raises(StateUnavailable):
        await certify.certified([deployment.traces.add(audit("next"))])
    seen: list[bool] = []

    async def look() -> None:
        seen.append((await deployment.finding()).certified)

    deployment.traces.between.append(look)
    await certify.look()
    after = await deployment.finding()
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
    finding = await deployment.finding()
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
        half_way = await deployment.finding()
        assert (half_way.complete, half_way.audits < 60) == (False, True)
        deployment.now += 5_500
    await successor.look()
    finding = await deployment.finding()
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
    finding = await deployment.finding()
    assert (finding.audits, finding.pending, finding.complete) == (150, 1, True)


async def test_what_is_folded_while_redis_answers_is_not_taken_for_lost(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    certify = await deployment.certifier()
    asked_redis = Marks.folded

    async def overtaken(marks: Marks) -> Folded:
        answer = await asked_redis(marks)
        await certify.certified([deployment.traces.add(audit("meanwhile"))])
        return answer

    monkeypatch.setattr(Marks, "folded", overtaken)
    await certify.look()
    assert "lost" not in caplog.text
    assert (await deployment.finding()).audits == 1


async def test_a_certifier_that_was_killed_anywhere_counts_what_it_is_given_again_once(
    deployment: Deployment,
) -> None:
    batch = [deployment.traces.add(one) for one in audits(30, disagree=[3])]
    for size in (10, 20, 30):
        await (await deployment.certifier()).certified(batch[:size])
        await (await deployment.certifier()).certified(batch[:size])
    assert await deployment.finding() == await deployment.finding()
    finding = await deployment.finding()
    assert (finding.audits, finding.agreements) == (30, 29)


async def test_versions_that_answer_side_by_side_are_charged_with_their_own_answers(
    deployment: Deployment,
) -> None:
    certify = await deployment.certifier()
    both = [audit(f"r{number}", version=f"v{number % 2}", agreed=number % 4 != 0) for number in range(80)]
    await certify.certified([deployment.traces.add(one, number % 2) for number, one in enumerate(both)])
    found = [await deployment.finding(version) for version in ("v0", "v1")]
    assert [(finding.audits, finding.agreements) for finding in found] == [(40, 20), (40, 40)]


async def _die() -> None:
    raise asyncio.CancelledError
