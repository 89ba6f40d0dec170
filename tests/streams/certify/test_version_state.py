"""What is kept of audits, one after the other: who is counted where, and what the alarm takes."""

from collections.abc import Iterable

import msgspec
import pytest
from msgspec.structs import replace

from models.certificate import Certificate
from schemas.config import Config
from schemas.teacher_config import TeacherConfig
from streams.certify.alarm_state import PATIENCE
from streams.certify.asking_order import with_answered
from streams.certify.consistency import Consistency
from streams.certify.observations import AuditReply
from streams.certify.service_state import ServiceCounts, ServiceState
from streams.certify.task_state import CurrentTeacher, TaskState
from streams.certify.version_state import (
    CertificateCounts,
    VersionState,
    with_audit_asked,
    with_audit_failed,
    with_outcome,
    with_outcomes_taken,
    with_silence_taken,
)

CONFIG = Config()


def audit(at: int, *, agreed: bool = True, label: str = "yes") -> AuditReply:
    return AuditReply(f"r{at}", at, at, label, agreed)


def with_outcome_read(
    version_state: VersionState, one: AuditReply, asked: int, now: int, passed: int | None = 0
) -> VersionState:
    return with_outcome(version_state, one, asked, now, CONFIG, taken=False, passed=passed)


def with_reply(version_state: VersionState, one: AuditReply) -> VersionState:
    """The state once the alarm has taken the outcome of an audit before which none is missing."""
    now = one.replied_at + PATIENCE
    return with_outcomes_taken(with_outcome_read(version_state, one, 0, now), now, CONFIG)


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


def test_the_alarm_takes_a_silent_audit_once() -> None:
    state = replace(after(audit(at) for at in range(20)), waiting={1_000: 2})
    taken = with_silence_taken(state, 2, 60_000, 99_000, CONFIG)
    assert (taken.assumed, with_silence_taken(taken, 2, 60_000, 99_000, CONFIG)) == (2, taken)
    assert taken.alarm_state.evidence == state.alarm_state.evidence, "silence says nothing about labels"
    assert taken.alarm_state.silence.evidence > state.alarm_state.silence.evidence
    unknown = with_silence_taken(state, 0, None, 99_000, CONFIG)
    assert unknown.assumed == 0


def test_audits_wait_for_those_asked_in_the_same_span() -> None:
    state = with_audit_asked(VersionState(), 25_000)
    for at in (12_000, 31_000):
        state = with_outcome_read(state, audit(at), at, at)
    before = with_silence_taken(state, 0, 0, 40_000, CONFIG)
    assert list(before.blocks) == [30_000], "a reply from 25,000 on is missing"
    later = with_silence_taken(before, 1, 40_000, 50_000, CONFIG)
    assert (later.blocks, later.assumed) == ({}, 1)


@pytest.mark.parametrize(("silent", "raised"), [(0.08, False), (0.6, True)])
def test_silence_is_an_alarm_above_its_share(silent: float, raised: bool) -> None:
    state = VersionState()
    for block in range(300):
        at, missing = 10_000 * block, round(10 * silent * (block + 1)) - round(10 * silent * block)
        for number in range(10 - missing):
            one = audit(at + number, agreed=(10 * block + number) % 50 != 0)
            state = with_outcome_read(state, one, at, at)
        now = at + 10_000
        state = with_silence_taken(state, state.assumed + missing, now, now, CONFIG)
        state = with_outcomes_taken(state, now, CONFIG)
    assert (state.alarm_state.raised > 0) is raised
    last = state.alarm_state.last
    assert (last.unanswered > 0.5 * last.audits > 0) is raised


@pytest.mark.parametrize(("failing", "raised"), [(29, False), (400, True)])
@pytest.mark.parametrize("first", ["failures", "labels"])
@pytest.mark.parametrize("read_after", [2_000, PATIENCE + 2_000])
def test_failures_of_a_span_are_taken_with_its_labels(
    read_after: int, first: str, failing: int, raised: bool
) -> None:
    """Whichever is read first, and where nobody says which audits the teacher has passed by."""
    asked, state = 19_000, VersionState()
    for _ in range(600):
        state = with_audit_asked(state, asked)
    read = asked + read_after

    def with_failures(state: VersionState) -> VersionState:
        for _ in range(failing):
            state = with_audit_failed(state, asked, read, 0, waited_for=True, for_alarm=True, passed=None)
        return with_silence_taken(state, 0, None, read + 1_000, CONFIG)

    def with_labels(state: VersionState) -> VersionState:
        for _ in range(600 - failing):
            state = replace(state, waiting=with_answered(state.waiting, asked))
            state = with_outcome_read(state, audit(asked), asked, read, None)
        return with_silence_taken(state, 0, None, read + 1_000, CONFIG)

    steps = [with_failures, with_labels]
    for step in steps if first == "failures" else reversed(steps):
        state = step(state)
    state = with_silence_taken(state, 0, None, read + 20_000, CONFIG)
    assert (state.blocks, state.alarm_state.raised > 0) == ({}, raised)


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
    waiting = with_outcomes_taken(with_outcome_read(answered, early, now, now), now, CONFIG)
    assert (waiting.outcomes[0].request, waiting.alarm_state.evidence) == ("r3", ())
    first_still_missing = replace(waiting, waiting={PATIENCE: 1})
    both = with_outcome_read(first_still_missing, late, PATIENCE + second, now)
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


def test_answers_from_before_a_label_was_switched_off_are_no_alarm() -> None:
    renamed = TeacherConfig(labels_renamed={"no": "never"})
    for config in (Config(never_answer=("no",)), Config(never_answer=("never",), teacher=renamed)):
        version_state = VersionState()
        for at in range(50):
            late = audit(at, agreed=False, label="no")
            version_state = with_outcome(version_state, late, at + 1, at + 2, config, taken=False, passed=0)
        assert version_state.blocks == {}
        assert with_outcomes_taken(version_state, 2 * PATIENCE, config).alarm_state.raised == 0
        assert with_outcomes_taken(version_state, 2 * PATIENCE, CONFIG).alarm_state.raised > 0


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
        *("failed", "failures_announced", "blocks", "history"),
    }
    names = {field.encode_name for field in msgspec.structs.fields(TaskState)}
    assert names == {
        *("positions", "certificates", "versions", "answering", "consistency", "service", "labels"),
        "shares",
    }
    names = {field.encode_name for field in msgspec.structs.fields(CurrentTeacher)}
    assert names == {"teacher", "since", "latest", "told", "told_at", "established"}
    assert {field.encode_name for field in msgspec.structs.fields(Consistency)} == {"asked", "same", "told"}
    names = {field.encode_name for field in msgspec.structs.fields(ServiceState)}
    assert names == {"begun", "waiting", "asked_at", "teachers", "failed"}
    names = {field.encode_name for field in msgspec.structs.fields(ServiceCounts)}
    assert names == {"since", "waived", "audits", "agreements", "recent", "certified", "lost", "proof"}
