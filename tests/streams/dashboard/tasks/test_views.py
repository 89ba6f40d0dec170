"""Views hold what the page shows, in the order in which a person needs it."""

from dataclasses import replace

import pytest

from models.certificate import Certificate
from schemas.call_limits import CallLimits
from streams.certify.history import CertificatePoint
from streams.dashboard.tasks import views
from streams.dashboard.tasks.views import (
    agreed_steps,
    in_order,
    label_rows,
    task_row,
    task_view,
    with_spending,
)
from tests.streams.dashboard.scripted import BEGAN, HISTORY, MOVES, NEW, TRAFFIC, certified


def test_what_needs_a_person_comes_first() -> None:
    statuses = [
        certified("b"),
        certified("a"),
        replace(NEW, task="young"),
        replace(NEW, task="stopped", breaker="agreement fell"),
        replace(certified("suspended"), suspended="late replies"),
    ]
    rows = in_order([task_row(status) for status in statuses])
    assert [row.task for row in rows] == ["stopped", "suspended", "young", "a", "b"]


def test_labels_with_most_disagreements_come_first_within_bounds() -> None:
    counts = {"fine": Certificate(50, 50), "poor": Certificate(20, 12), "unseen": Certificate(0, 0)}
    poor, fine = label_rows(counts, frozenset({"poor"}))
    assert (poor.label, poor.blocked, fine.blocked) == ("poor", True, False)
    assert poor.low < 12 / 20 < poor.high
    assert fine.high == 1.0
    assert 0.85 < fine.low < 1.0


def test_bounds_are_computed_for_the_labels_that_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded: list[Certificate] = []

    def bound(counts: Certificate, _: float) -> float:
        bounded.append(counts)
        return 0.0

    monkeypatch.setattr(views, "lower_bound", bound)
    counts = {f"label {number}": Certificate(40, 40 - number % 3) for number in range(1_000)}
    assert len(label_rows(counts, frozenset())) == len(bounded) < len(counts)


def test_a_task_shows_its_history_and_its_newest_move_first() -> None:
    view = task_view(BEGAN, certified("t"), {**HISTORY, "v0": ()}, MOVES, [], TRAFFIC, "nothing")
    assert [points[0].version for points in view.history] == ["v1", "v2"]
    assert view.next_step == ""
    assert view.moves[0].version == "v2"
    assert view.row.answered == TRAFFIC.answered
    assert view.since == next(point.at for point in HISTORY["v2"] if point.state == "certified")


def test_a_certificate_holds_since_its_target_of_now_is_certified() -> None:
    points = tuple(
        CertificatePoint(at, "v2", 300 + at, 6, 0.957, target, "certified", None)
        for at, target in enumerate((0.9, 0.9, 0.95, 0.95))
    )
    assert task_view(BEGAN, certified("t"), {"v2": points}, MOVES, [], TRAFFIC, "nothing").since == 2


def test_the_last_hour_of_audits_is_told_by_steps() -> None:
    def point(minutes_ago: int, audits: int, disagreed: int, certificate: int = 0) -> CertificatePoint:
        at = BEGAN - BEGAN % 300_000 - 60_000 * minutes_ago
        return CertificatePoint(at, "v2", audits, disagreed, None, 0.95, "not_yet", None, certificate)

    points = [point(80, 100, 0), point(62, 110, 1), point(40, 120, 6), point(39, 140, 6), point(0, 150, 11)]
    steps = agreed_steps(points, BEGAN)
    assert len(steps) == 12
    assert {place: share for place, share in enumerate(steps) if share is not None} == {
        3: pytest.approx(1 - 5 / 30),
        11: 0.5,
    }
    another_teacher = [point(20, 900, 9), point(10, 5, 1)]
    assert set(agreed_steps(another_teacher, BEGAN)) == {None}
    with_more = [point(20, 5, 1, 1), point(10, 40, 9, 2)]
    assert set(agreed_steps(with_more, BEGAN)) == {None}


def test_a_budget_is_that_of_the_nearest_limit() -> None:
    row = task_row(certified("t"))
    spent = {"calls": 40.0, "tokens": 900.0, "money": 1.0}
    assert with_spending(row, spent, CallLimits(calls_per_day=100, tokens_per_day=1_000)).budget == 0.9
    assert with_spending(row, spent, CallLimits(money_per_day=0.0)).budget == 1.0
    assert with_spending(row, spent, CallLimits(calls_per_second=1.0)).budget is None
