"""What is kept of audits, one after the other: who is counted where, and what the alarm takes."""

import itertools
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from models.certificate import Certificate
from schemas.config import Config
from streams.certify.consistency import Consistency
from streams.certify.observations import AuditReply
from streams.certify.task_state import CurrentTeacher, TaskState
from streams.certify.version_state import (
    CertificateCounts,
    VersionState,
    lowest_rate,
    rate_is_compatible,
    with_audit,
    with_overdue,
    with_reply,
)

CONFIG = Config()


def audit(at: int, *, agreed: bool = True, label: str = "yes", draw: float = 0.0) -> AuditReply:
    return AuditReply(f"r{at}", at, at, label, agreed, draw, 0.02)


def after(audits: Iterable[AuditReply], config: Config = CONFIG) -> VersionState:
    version_state = VersionState()
    for one in audits:
        version_state = with_reply(version_state, one, config, overdue=False)
    return version_state


def test_a_raised_alarm_names_time_and_label() -> None:
    good = [audit(at, agreed=at % 50 != 0, label="old" if at % 2 else "yes") for at in range(1000)]
    fall = [audit(at, agreed=at % 2 == 0, label="new" if at % 2 else "yes") for at in range(1000, 1060)]
    version_state = after(good)
    assert version_state.alarm_state.raised == 0
    for one in fall:
        version_state = with_reply(version_state, one, CONFIG, overdue=False)
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
        replied = with_reply(taken, audit(5, agreed=agreed), CONFIG, overdue=True)
        assert replied == replace(taken, assumed=1)


def test_a_few_missing_replies_are_no_alarm() -> None:
    version_state = VersionState()
    for at, silent in zip(range(5000), itertools.count(), strict=False):
        overdue = silent // 100
        version_state = with_overdue(version_state, overdue, at, CONFIG)
        version_state = with_reply(version_state, audit(at, agreed=at % 50 != 0), CONFIG, overdue=False)
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


def test_a_certificate_counts_draws_below_its_rate() -> None:
    counts = CertificateCounts(1, 0.01)
    for number, draw in enumerate((0.0, 0.0099, 0.01, 0.5)):
        counts = with_audit(counts, audit(number, agreed=number > 0, label="no", draw=draw))
    assert (counts.audits, counts.agreements, counts.labels) == (2, 1, {"no": Certificate(2, 1)})


def test_a_lower_rate_begins_a_new_certificate() -> None:
    begun, empty = CertificateCounts(1, 0.02, audits=1), CertificateCounts(1, 0.02)
    assert [rate_is_compatible(begun, rate) for rate in (0.01, 0.02, 0.05)] == [False, True, True]
    assert [rate_is_compatible(empty, rate) for rate in (0.01, 0.02, 0.05)] == [False, True, False]
    assert lowest_rate(Config(audit_rate=0.3)) == 0.3
    assert lowest_rate(Config(audit_rate="auto", audit_low=0.02, audit_high=0.2)) == 0.02


def test_of_many_teachers_the_first_are_dropped() -> None:
    version_state = VersionState()
    for number in range(20):
        version_state = version_state.with_certificate(
            f"teacher {number % 12}", CertificateCounts(number, 1.0)
        )
    assert list(version_state.certificates) == [f"teacher {number % 12}" for number in range(12, 20)]


def test_field_names_in_redis_are_stable() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(VersionState)}
    assert names == {"tallies", "suspicion", "handled", "excused", "silent", "lost", "horizon"}
    names = {field.encode_name for field in msgspec.structs.fields(TaskState)}
    assert names == {"positions", "certificates", "versions", "answering", "consistency"}
    names = {field.encode_name for field in msgspec.structs.fields(CurrentTeacher)}
    assert names == {"teacher", "since", "latest", "told", "told_at"}
    assert {field.encode_name for field in msgspec.structs.fields(Consistency)} == {"asked", "same", "told"}
