"""A scan says what a fit would certify, how sure that is, and what would help."""

import numpy as np
import pytest

from models.features import Features
from models.forecast.forecast import Assumptions, saved_a_day
from models.noise.repeats import plain_text
from models.scan import Scan, scan
from models.training_set import TrainingSet

from .conftest import VERBS, draw_texts, draw_vectors, learned

ASSUMED = Assumptions(requests_a_day=1000.0, price_a_call=0.01, audit_rate=0.1, delta=0.05)
ROWS = 1600


def scanned(training: TrainingSet, *targets: float, once: int | None = None, embedder: str = "text") -> Scan:
    rows = np.arange(len(training) if once is None else once)
    return scan(training, rows, embedder=embedder, targets=targets, assumptions=ASSUMED)


def everything(features: Features, labels: list[str]) -> TrainingSet:
    return TrainingSet(features, labels, np.ones(len(labels), dtype=np.bool_))


@pytest.fixture(scope="module")
def found() -> Scan:
    return scanned(everything(*draw_vectors(ROWS, 0)), 0.9, 0.999, embedder="precomputed")


def test_coverage_is_what_the_fit_certifies_and_its_interval_holds_it(found: Scan) -> None:
    result = learned("precomputed", ROWS, targets=(0.9, 0.999))
    point = next(point for point in result.summary.frontier if point.target == 0.9)
    prospect = found.targets[0]
    assert prospect.coverage == point.coverage > 0.5
    assert prospect.low < prospect.coverage < prospect.high < prospect.low + 0.3
    assert prospect.certified > 0.9
    assert prospect.agreement is not None
    assert 0.9 < prospect.agreement < 1.0
    assert (found.requests, found.sampled, found.labels) == (ROWS, ROWS, len(VERBS))


def test_saving_and_days_follow_from_the_assumptions(found: Scan) -> None:
    prospect = found.targets[0]
    assert prospect.saved_a_day == pytest.approx(1000 * 0.01 * prospect.coverage * 0.9)
    assert saved_a_day(0.5, ASSUMED) == pytest.approx(4.5)
    assert prospect.audits is not None
    assert prospect.days == pytest.approx(prospect.audits / (1000 * 0.1 * prospect.coverage))


def test_a_target_out_of_reach_is_refused_and_the_others_are_not(found: Scan) -> None:
    out = found.targets[1]
    assert (out.coverage, out.saved_a_day, out.agreement, out.audits) == (0.0, 0.0, None, None)
    assert "target 0.999 did not pass the gate" in out.refused[0]
    assert found.targets[0].refused == ()


def test_the_curve_ends_with_what_all_traces_certify(found: Scan) -> None:
    assert [part.traces for part in found.curve] == [200, 400, 800, 1600]
    assert found.curve[-1].coverage == {"0.9": found.targets[0].coverage, "0.999": 0.0}


def test_a_teacher_who_contradicts_himself_is_named_as_the_reason() -> None:
    """Every request is asked twice, and one answer in eight is drawn by lot."""
    features, labels = draw_texts(700, 0)
    generator = np.random.default_rng(0)
    answers = [str(generator.choice(VERBS)) if generator.random() < 0.15 else label for label in labels * 2]
    found = scanned(everything(features.take([*range(700), *range(700)]), answers), 0.97)
    assert found.noise is not None
    assert found.noise.high < 0.95
    assert "above what any surrogate can reach" in found.targets[0].refused[-1]
    assert found.targets[0].more is None


def test_other_answers_to_the_same_request_tell_of_the_teacher_and_nothing_else() -> None:
    features, labels = draw_texts(300, 0)
    assert len({plain_text(text) for text in features.texts or ()}) == 300
    doubled = everything(features.take([*range(300), *range(60)]), [*labels, *["other"] * 60])
    found = scanned(doubled, 0.8, once=300)
    alone = scanned(everything(features, labels), 0.8)
    assert (found.traces, found.requests, found.accuracy) == (360, 300, alone.accuracy)
    assert found.noise is not None
    assert found.noise.contradictions >= 60
    assert found.targets[0].coverage == alone.targets[0].coverage


def test_what_can_not_be_learned_at_all_is_refused_for_every_target() -> None:
    few = scanned(everything(Features(texts=["a", "b"] * 10), ["x", "y"] * 10), 0.9, 0.95)
    assert [prospect.coverage for prospect in few.targets] == [0.0, 0.0]
    assert all("too few sampled traces: 20" in prospect.refused[0] for prospect in few.targets)
    assert (few.curve, few.surrogate) == ((), "none")
