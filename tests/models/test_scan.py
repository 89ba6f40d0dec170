"""A scan gives what a fit would pass, its interval, and what would help."""

import numpy as np
import pytest

from models.features import Features
from models.forecast.forecast import Assumptions
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


def test_coverage_is_that_of_the_fit(found: Scan) -> None:
    result = learned("precomputed", ROWS, targets=(0.9, 0.999))
    point = next(point for point in result.summary.frontier if point.target == 0.9)
    prospect = found.targets[0]
    assert prospect.coverage == point.coverage > 0.5
    assert prospect.low < prospect.coverage < prospect.high < prospect.low + 0.3
    assert prospect.certified > 0.9
    assert prospect.agreement is not None
    assert 0.9 < prospect.agreement < 1.0
    assert (found.requests, found.sampled, found.labels) == (ROWS, ROWS, len(VERBS))


def test_savings_follow_from_the_assumptions(found: Scan) -> None:
    prospect = found.targets[0]
    assert prospect.saved_a_day == pytest.approx(1000 * 0.01 * prospect.coverage * 0.9)
    assert prospect.audits is not None
    assert prospect.days == pytest.approx(prospect.audits / (1000 * 0.1 * prospect.coverage))


def test_only_a_target_out_of_reach_is_refused(found: Scan) -> None:
    out = found.targets[1]
    assert (out.coverage, out.saved_a_day, out.agreement, out.audits) == (0.0, 0.0, None, None)
    assert "target 0.999 did not pass the gate" in out.refused[0]
    assert found.targets[0].refused == ()


def test_the_curve_ends_with_all_traces(found: Scan) -> None:
    assert [part.traces for part in found.curve] == [200, 400, 800, 1600]
    assert found.curve[-1].coverage == {"0.9": found.targets[0].coverage, "0.999": 0.0}


def test_a_noisy_teacher_is_given_as_the_reason() -> None:
    """Every request is asked twice, and one answer in eight is drawn by lot."""
    features, labels = draw_texts(700, 0)
    generator = np.random.default_rng(0)
    answers = [str(generator.choice(VERBS)) if generator.random() < 0.15 else label for label in labels * 2]
    found = scanned(everything(features.take([*range(700), *range(700)]), answers), 0.97)
    assert found.noise is not None
    assert found.noise.high < 0.95
    assert "above what any surrogate can reach" in found.targets[0].refused[-1]
    assert found.targets[0].more is None


def test_repeated_answers_only_show_noise() -> None:
    features, labels = draw_texts(300, 0)
    assert len({plain_text(text) for text in features.texts or ()}) == 300
    doubled = everything(features.take([*range(300), *range(60)]), [*labels, *["other"] * 60])
    found = scanned(doubled, 0.8, once=300)
    alone = scanned(everything(features, labels), 0.8)
    assert (found.traces, found.requests, found.accuracy) == (360, 300, alone.accuracy)
    assert found.noise is not None
    assert found.noise.contradictions >= 60
    assert found.targets[0].coverage == alone.targets[0].coverage


def test_too_few_traces_refuse_every_target() -> None:
    few = scanned(everything(Features(texts=["a", "b"] * 10), ["x", "y"] * 10), 0.9, 0.95)
    assert [prospect.coverage for prospect in few.targets] == [0.0, 0.0]
    assert all("too few sampled traces: 20" in prospect.refused[0] for prospect in few.targets)
    assert (few.curve, few.surrogate) == ((), "none")
