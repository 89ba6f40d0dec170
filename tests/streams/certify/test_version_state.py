"""What is kept of audits, one after the other: who is counted where, and what the alarm takes."""

import itertools
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from models.certificate import Certificate
from schemas.config import Config
from streams.certify.alarm_state import PATIENCE
from streams.certify.consistency import Consistency
from streams.certify.observations import AuditReply
from streams.certify.service_state import ServiceCounts, ServiceState
from streams.certify.task_state import CurrentTeacher, TaskState
from streams.certify.version_state import (
    CertificateCounts,
    VersionState,
    with_audit_asked,
    with_outcome,
    with_outcomes_taken,
    with_overdue,
)

CONFIG = Config()


def audit(at: int, *, agreed: bool = True, label: str = "yes") -> AuditReply:
    return AuditReply(f"r{at}", at, at, label, agreed)


def with_reply(version_state: VersionState, one: AuditReply, *, overdue: bool = False) -> VersionState:
    """The state once the alarm has taken the outcome of an audit before which none is missing."""
    now = one.replied_at + PATIENCE
    return with_outcomes_taken(with_outcome(version_state, one, 0, now, overdue=overdue), now, CONFIG)


def after(audits: Iterable[AuditReply]) -> VersionState:
    version_state = VersionState()
    for one in audits:
        version_state = with_reply(version_state, one)
    return version_state


def test_a_raised_alarm_names_time_and_label() -> None:
    good = [audit(at, agreed=at % 50 != 0, label="old" if at % 2 else "yes") for at in range(1000)]
    fall = [audit(at, agreed=at % 2 == 0, label="new" if at % 2 else "yes") for at in range(1000, 1060)]
    version_state = after(good)
    assert version_state.alarm_state.raised == 0
    for one in fall:
        version_state = with_reply(version_state, one)
        if version_state.alarm_state.raised:
            break
    told = version_state.alarm_state.last
    assert told.since is not None
    assert 1000 <= told.since <= 1003
    assert told.labels["new"].agreements == 0
    assert told.labels["yes"].agreements == told.labels["yes"].audits
    assert "old" not in told.labels


def test_a_later_fall_is_another_alarm() -> None:
    fall = [audit(at, agreed=False) for at in range(10)]
    recovery = [audit(at) for at in range(10, 500)]
    first, between = after(fall).alarm_state.raised, after([*fall, *recovery])
    assert between.alarm_state.raised == first >= 1
    assert after([*fall, *recovery, *fall]).alarm_state.raised > first


def test_the_alarm_takes_an_overdue_audit_once() -> None:
    taken = with_overdue(after(audit(at) for at in range(20)), 2, 99, CONFIG)
    assert (taken.assumed, with_overdue(taken, 2, 199, CONFIG)) == (2, taken)
    disagreed = after([*(audit(at) for at in range(20)), *(audit(99, agreed=False) for _ in range(2))])
    assert taken.alarm_state.evidence == disagreed.alarm_state.evidence
    for agreed in (True, False):
        replied = with_reply(taken, audit(5, agreed=agreed), overdue=True)
        assert replied == replace(taken, assumed=1)


def test_a_few_missing_replies_are_no_alarm() -> None:
    version_state = VersionState()
    for at, silent in zip(range(5000), itertools.count(), strict=False):
        overdue = silent // 100
        version_state = with_overdue(version_state, overdue, at, CONFIG)
        version_state = with_reply(version_state, audit(at, agreed=at % 50 != 0))
    assert (version_state.assumed, version_state.alarm_state.raised) == (49, 0)


def test_another_target_starts_the_alarm_again() -> None:
    alarm_state = after(
        [*(audit(at) for at in range(50)), audit(50, agreed=False), audit(51, agreed=False)]
    ).alarm_state
    alarm = alarm_state.alarm(CONFIG)
    assert alarm.evidence > 0.0
    assert alarm_state.alarm(Config(alarm_run_length=500.0)).suspicion == alarm.suspicion
    assert alarm_state.alarm(Config(target_agreement=0.9)).evidence == 0.0
    assert replace(alarm_state, evidence=(1.0,)).alarm(CONFIG).evidence == 0.0, "left by an earlier release"


def test_outcomes_wait_for_those_asked_before() -> None:
    version_state, second = VersionState(), 1_000
    for at in (0, second, 2 * second):
        version_state = with_audit_asked(version_state, PATIENCE + at)
    late, early = audit(2, agreed=False), audit(3)
    now = PATIENCE + 2 * second
    answered = replace(version_state, waiting={PATIENCE: 1, PATIENCE + second: 1})
    waiting = with_outcomes_taken(with_outcome(answered, early, now, now, overdue=False), now, CONFIG)
    assert (waiting.outcomes[0].request, waiting.alarm_state.evidence) == ("r3", ())
    first_still_missing = replace(waiting, waiting={PATIENCE: 1})
    both = with_outcome(first_still_missing, late, PATIENCE + second, now, overdue=False)
    assert len(with_outcomes_taken(both, now, CONFIG).outcomes) == 2
    passed_over = with_outcomes_taken(both, now + PATIENCE, CONFIG)
    assert passed_over.outcomes == ()
    assert passed_over.alarm_state.evidence == after([late, early]).alarm_state.evidence, "as they were asked"


def test_a_label_below_the_floor_is_no_alarm() -> None:
    counts = CertificateCounts(1, blocked=("no",))
    version_state = VersionState().with_certificate("m p", counts)
    for at in range(50):
        version_state = with_reply(version_state, audit(at, agreed=False, label="no"))
    assert version_state.alarm_state.raised == 0
    for at in range(50):
        version_state = with_reply(version_state, audit(at, agreed=False))
    assert version_state.alarm_state.raised > 0


def test_counts_of_an_earlier_release_go_on() -> None:
    stored = (
        b'{"tallies":{"m p":{"number":3,"rate":0.01,"audits":40,"agreements":39,"labels":{},"certified":true,'
        b'"lost":0.0,"blocked":[]}},"suspicion":{},"handled":0,"excused":0,"silent":1,"lost":2,"horizon":5}'
    )
    counts = msgspec.json.decode(stored, type=VersionState).certificates["m p"]
    more = counts.with_reply(audit(1), 9_000, 10_000, 0)
    assert (more.number, more.certificate, more.certified) == (3, Certificate(41, 40), True)
    assert more.recent == {9_000: (1, 1)}


def test_of_many_teachers_the_first_are_dropped() -> None:
    version_state = VersionState()
    for number in range(20):
        version_state = version_state.with_certificate(f"teacher {number % 12}", CertificateCounts(number))
    assert list(version_state.certificates) == [f"teacher {number % 12}" for number in range(12, 20)]


def test_field_names_in_redis_are_stable() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(VersionState)}
    assert names == {
        *("tallies", "suspicion", "handled", "excused", "silent", "lost", "horizon"),
        *("waiting", "asked_at", "early", "outcomes", "alarm_blocked", "deferrals"),
    }
    names = {field.encode_name for field in msgspec.structs.fields(TaskState)}
    assert names == {"positions", "certificates", "versions", "answering", "consistency", "service", "labels"}
    names = {field.encode_name for field in msgspec.structs.fields(CurrentTeacher)}
    assert names == {"teacher", "since", "latest", "told", "told_at"}
    assert {field.encode_name for field in msgspec.structs.fields(Consistency)} == {"asked", "same", "told"}
    names = {field.encode_name for field in msgspec.structs.fields(ServiceState)}
    assert names == {"begun", "waiting", "asked_at", "teachers"}
    names = {field.encode_name for field in msgspec.structs.fields(ServiceCounts)}
    assert names == {"since", "waived", "audits", "agreements", "recent", "certified", "lost", "proof"}
