"""What another target would bring follows from the frontier, the live audits and the traffic."""

import pytest
from msgspec.structs import replace

from models import binomial
from models.certificate import Certificate, budget_share
from models.fit import FitResult
from models.forecast.audits_needed import audits_ahead
from models.forecast.forecast import Assumptions
from models.manifest import FrontierPoint, Manifest
from models.what_if import LiveAudits, gate_counts, what_if

DAY = Assumptions(requests_a_day=10_000, price_a_call=0.01, audit_rate=0.02, delta=0.05)
LIVE = LiveAudits(0.9, Certificate(80, 79), 0, budget_share(0.05, 1))


@pytest.fixture
def manifest(results: dict[str, FitResult]) -> Manifest:
    """Of a fit, with a frontier in plain numbers."""
    artifact = next(result.artifact for result in results.values() if result.artifact is not None)
    made = Manifest.decode(artifact.manifest)
    points = (point(0.9, 0.8, 784), point(0.95, 0.5, 496))
    return replace(made, frontier=points, certifying=1_000, delta=0.05, blocked=(made.labels[0],))


def point(target: float, coverage: float, agreements: int) -> FrontierPoint:
    return FrontierPoint(target, target, coverage, binomial.lower(agreements, round(coverage * 1_000), 0.05))


def test_a_higher_target_answers_less_and_costs_more(manifest: Manifest) -> None:
    low, high = (what_if(manifest, target, target, DAY, LIVE) for target in (0.9, 0.95))
    assert (low.coverage, high.coverage) == (0.8, 0.5)
    assert (low.audits_a_day, high.audits_a_day) == (160, 100)
    assert low.cost_a_day == pytest.approx(10_000 * 0.01 * (1 - 0.8 * 0.98))
    assert low.cost_a_day + low.saved_a_day == pytest.approx(100.0)
    assert high.cost_a_day > low.cost_a_day
    assert low.ahead == audits_ahead(LIVE.replies, LIVE.replies, 0.9, LIVE.level), "by the live audits"
    assert high.ahead == audits_ahead(LIVE.replies, Certificate(500, 496), 0.95, LIVE.level), "by the gate"
    assert high.ahead is not None
    assert high.days == (high.ahead.likely or 0) / 100
    assert manifest.labels[0] in low.unanswered


def test_a_target_that_did_not_pass_answers_nothing(manifest: Manifest) -> None:
    none = what_if(manifest, 0.99, 0.99, DAY, LIVE)
    assert (none.coverage, none.cost_a_day, none.saved_a_day) == (0.0, 100.0, 0.0)
    assert (none.ahead, none.days) == (None, None)
    assert none.unanswered == manifest.labels


def test_a_gate_at_a_larger_delta_than_now_answers_nothing(manifest: Manifest) -> None:
    none = what_if(replace(manifest, delta=0.1), 0.9, 0.9, DAY, LIVE)
    assert (none.coverage, none.saved_a_day, none.ahead) == (0.0, 0.0, None)


def test_no_target_moves_a_threshold_that_is_held(manifest: Manifest) -> None:
    none = what_if(manifest, 0.9, 0.9, DAY, replace(LIVE, is_held=True))
    assert (none.coverage, none.saved_a_day, none.ahead) == (0.0, 0.0, None)


def test_a_reserve_answers_by_the_threshold_that_it_aims_at(manifest: Manifest) -> None:
    kept = what_if(manifest, 0.9, 0.94, DAY, LIVE)
    assert (kept.target, kept.coverage) == (0.9, 0.5)


@pytest.mark.parametrize(("answers", "agreements"), [(1_000, 990), (400, 400), (37, 31)])
def test_the_gates_counts_are_found_again(answers: int, agreements: int) -> None:
    made = FrontierPoint(0.9, 0.5, answers / 1_000, binomial.lower(agreements, answers, 0.05))
    assert gate_counts(made, 1_000, 0.05) == Certificate(answers, agreements)
