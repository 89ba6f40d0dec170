"""What is waited for is bounded, and what is given up counts against the version for ever."""

from collections.abc import Sequence

import pytest

from schemas.config import Config
from streams.certify import pending_audits as module
from streams.certify.claim import certificate_status
from streams.certify.observations import AuditFailed, AuditReply, AuditRequested, LogPosition
from streams.certify.pending_audits import FAILED, PendingAudits, update_pending
from streams.certify.version_state import CertificateCounts, VersionState

NOW = 1_000
MOST = 10


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", MOST)


def asked(*requests: int) -> list[AuditRequested]:
    return [AuditRequested(LogPosition("deferrals:0", one), "v1", f"r{one}", one) for one in requests]


def failed(*requests: int) -> list[AuditFailed]:
    return [AuditFailed(LogPosition("failures:0", one), "v1", f"r{one}", one, "no") for one in requests]


def answered(*requests: int) -> list[AuditReply]:
    return [AuditReply(f"r{one}", one, one, "yes", agreed=True) for one in requests]


def kept(scores: Sequence[tuple[str, float]]) -> PendingAudits:
    """A set that holds these, as Redis would count it at the time NOW, with all in question."""
    waiting = [score for _, score in scores if 0 < score < FAILED]
    remembered = sorted((score for _, score in scores if score < 0), reverse=True)
    surplus = round(-remembered[-MOST - 1]) - 1 if len(remembered) > MOST else None
    return PendingAudits(
        pending=len(waiting),
        overdue=sum(at <= NOW for at in waiting),
        failed=sum(score >= FAILED for _, score in scores),
        answered=len(remembered),
        surplus=surplus,
        scores=dict(scores),
    )


def test_audits_over_the_limit_are_given_up() -> None:
    full = kept([(f"r{at}", 500.0 + at) for at in range(MOST)])
    note = update_pending(full, asked(100, 101, 3), [], [], -1, 2_000, NOW)
    assert (note.given_up, note.after.pending, note.after.overdue) == (2, MOST, MOST - 2)
    assert note.scores == {"r100": 2_000.0, "r101": 2_000.0}, "one that is waited for keeps its time"
    version_state = note.applied_to(VersionState(certificates={"": CertificateCounts(1, 100, 100)}, lost=1))
    assert version_state.lost == 3
    given_up, none = (
        certificate_status(one, "", PendingAudits(), Config(), complete=True, now=NOW)
        for one in (
            version_state,
            VersionState(certificates=version_state.certificates),
        )
    )
    assert (given_up.audits, given_up.lost) == (100, 3)
    assert given_up.bound < none.bound


def test_a_failed_audit_is_settled_by_a_later_answer() -> None:
    waiting = kept([("r1", 900.0), ("r2", NOW + 5.0), ("r3", -4.0)])
    note = update_pending(waiting, [], failed(1, 1, 3, 9), [], -1, 2_000, NOW)
    assert note.scores == {"r1": FAILED + 900.0, "r9": FAILED + 2_000.0}, "r3 has its label"
    assert (note.after.pending, note.after.overdue, note.after.failed) == (1, 0, 2)
    after = kept([*{**waiting.scores, **note.scores}.items()])
    again = update_pending(after, asked(1, 9), failed(1), answered(1), -1, 3_000, NOW)
    assert (again.scores, again.after.pending, again.after.failed) == ({"r1": -2.0}, 1, 1)


def test_the_oldest_failures_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FAILED", 2)
    full = kept([(f"r{at}", FAILED + 500.0 + at) for at in range(2)])
    note = update_pending(full, [], failed(7), [], -1, 2_000, NOW)
    assert (note.failures_given_up, note.after.failed) == (1, 2)
    state = note.applied_to(VersionState(failed={500: 1, 501: 1, 2_000: 1}))
    assert (state.lost, state.failed) == (1, {501: 1, 2_000: 1})


def test_the_oldest_answers_are_forgotten() -> None:
    over = kept([(f"r{at}", -at - 1.0) for at in range(MOST + 3)])
    note = update_pending(over, [], [], answered(50), -1, NOW, 0)
    assert (note.forgotten, note.after.answered) == (3, MOST + 1)
    horizon = note.applied_to(VersionState()).horizon
    assert horizon == 2, "r0, r1 and r2 are forgotten"
    later = update_pending(kept([]), asked(0, 2, 3), [], [], horizon, NOW, 0)
    assert set(later.scores) == {"r3"}


def test_an_answer_ends_the_waiting_once() -> None:
    waiting = kept([("r1", 900.0), ("r2", NOW + 5.0)])
    first = update_pending(waiting, [], [], answered(1, 1, 7), -1, NOW, NOW)
    assert (first.after.pending, first.after.overdue, first.after.answered) == (1, 0, 2)
    again = update_pending(kept(list(first.scores.items())), asked(1, 7), [], answered(1), -1, NOW, NOW)
    assert (again.scores, again.after.pending) == ({}, 0)
