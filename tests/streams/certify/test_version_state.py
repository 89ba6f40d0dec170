"""What is kept of audits, one after the other: who is counted where, and what the alarm takes."""

import itertools
from collections.abc import Iterable

from msgspec.structs import replace

from models.certificate import Certificate
from schemas.config import Config
from streams.certify.observations import AuditReply
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
    ledger = VersionState()
    for one in audits:
        ledger = with_reply(ledger, one, config, overdue=False)
    return ledger


def test_a_raised_alarm_tells_since_when_and_by_which_label() -> None:
    good = [audit(at, agreed=at % 50 != 0, label="old" if at % 2 else "yes") for at in range(1000)]
    fall = [audit(at, agreed=at % 2 == 0, label="new" if at % 2 else "yes") for at in range(1000, 1060)]
    ledger = after(good)
    assert ledger.suspicion.raised == 0
    for one in fall:
        ledger = with_reply(ledger, one, CONFIG, overdue=False)
        if ledger.suspicion.raised:
            break
    told = ledger.suspicion.last
    assert told.since is not None
    assert 1000 <= told.since <= 1003
    assert told.labels["new"].agreements == 0
    assert told.labels["yes"].agreements == told.labels["yes"].audits
    assert "old" not in told.labels


def test_an_alarm_starts_anew_when_it_was_raised_so_that_a_later_fall_is_an_alarm_of_its_own() -> None:
    fall = [audit(at, agreed=False) for at in range(10)]
    recovery = [audit(at) for at in range(10, 500)]
    first, between = after(fall).suspicion.raised, after([*fall, *recovery])
    assert between.suspicion.raised == first >= 1
    assert after([*fall, *recovery, *fall]).suspicion.raised > first


def test_an_overdue_audit_is_one_disagreement_to_the_alarm_however_its_reply_turns_out() -> None:
    taken = with_overdue(after(audit(at) for at in range(20)), 2, 99, CONFIG)
    assert (taken.silent, with_overdue(taken, 2, 199, CONFIG)) == (2, taken)
    disagreed = after([*(audit(at) for at in range(20)), *(audit(99, agreed=False) for _ in range(2))])
    assert taken.suspicion.evidence == disagreed.suspicion.evidence
    for agreed in (True, False):
        replied = with_reply(taken, audit(5, agreed=agreed), CONFIG, overdue=True)
        assert replied == replace(taken, silent=1)


def test_some_replies_that_never_come_are_no_alarm_while_what_is_left_clears_the_target() -> None:
    ledger = VersionState()
    for at, silent in zip(range(5000), itertools.count(), strict=False):
        overdue = silent // 100
        ledger = with_overdue(ledger, overdue, at, CONFIG)
        ledger = with_reply(ledger, audit(at, agreed=at % 50 != 0), CONFIG, overdue=False)
    assert (ledger.silent, ledger.suspicion.raised) == (49, 0)


def test_another_target_starts_the_alarm_anew_and_another_run_length_does_not() -> None:
    suspicion = after(
        [*(audit(at) for at in range(50)), audit(50, agreed=False), audit(51, agreed=False)]
    ).suspicion
    alarm = suspicion.alarm(CONFIG)
    assert alarm.evidence > 0.0
    assert suspicion.alarm(Config(alarm_run_length=500.0)).suspicion == alarm.suspicion
    assert suspicion.alarm(Config(target_agreement=0.9)).evidence == 0.0
    assert replace(suspicion, evidence=(1.0,)).alarm(CONFIG).evidence == 0.0, "left by an earlier release"


def test_a_certificate_counts_draws_below_the_rate_that_was_fixed_when_it_began() -> None:
    tally = CertificateCounts(1, 0.01)
    for number, draw in enumerate((0.0, 0.0099, 0.01, 0.5)):
        tally = with_audit(tally, audit(number, agreed=number > 0, label="no", draw=draw))
    assert (tally.audits, tally.agreements, tally.labels) == (2, 1, {"no": Certificate(2, 1)})


def test_a_certificate_goes_on_at_higher_rates_and_begins_anew_at_lower_ones() -> None:
    begun, empty = CertificateCounts(1, 0.02, audits=1), CertificateCounts(1, 0.02)
    assert [rate_is_compatible(begun, rate) for rate in (0.01, 0.02, 0.05)] == [False, True, True]
    assert [rate_is_compatible(empty, rate) for rate in (0.01, 0.02, 0.05)] == [False, True, False]
    assert lowest_rate(Config(audit_rate=0.3)) == 0.3
    assert lowest_rate(Config(audit_rate="auto", audit_low=0.02, audit_high=0.2)) == 0.02


def test_of_many_teachers_those_that_came_first_are_dropped() -> None:
    ledger = VersionState()
    for number in range(20):
        ledger = ledger.with_tally(f"teacher {number % 12}", CertificateCounts(number, 1.0))
    assert list(ledger.tallies) == [f"teacher {number % 12}" for number in range(12, 20)]
