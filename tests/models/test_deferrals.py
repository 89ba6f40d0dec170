"""Deferred requests that agree as expected hardly ever look like drift; ones that agree less soon do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import deferrals
from models.deferrals import FACTORS, DeferralDetector, expected_agreement, shift_at
from models.gate.deferred_shift import cautious_shift, with_deferred_shifts
from models.gate.frontier import Sample
from models.manifest import FrontierPoint


def requests_until_raised(expected: np.ndarray, agrees: np.ndarray) -> int | None:
    detector = DeferralDetector()
    for number, (chance, agreed) in enumerate(zip(expected.tolist(), agrees.tolist(), strict=True)):
        detector = detector.after(chance, agreed)
        if detector.raised:
            return number + 1
    return None


@given(st.floats(0.02, 0.98), st.floats(0.0, 1.0), st.floats(0.0, 1e4))
def test_evidence_grows_by_at_most_one_a_request(expected: float, better: float, level: float) -> None:
    """So R - n is a supermartingale, from which both bounds of a false crossing follow."""
    before, agreement = DeferralDetector((level,) * len(FACTORS)), expected + better * (1.0 - expected)
    after = [before.after(expected, agreed).evidence for agreed in (True, False)]
    mean = agreement * after[0] + (1.0 - agreement) * after[1]
    assert mean <= before.evidence + 1.0 + 1e-9 * (1.0 + level)
    if better == 0.0:
        assert mean == pytest.approx(before.evidence + 1.0)


def test_calibrated_deferrals_cross_as_rarely_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    level, requests, runs = 400.0, 100, 400
    monkeypatch.setattr(deferrals, "RUN_LENGTH", level)
    generator = np.random.default_rng(5)
    crossed = 0
    for _ in range(runs):
        expected = generator.uniform(0.05, 0.9, requests)
        crossed += requests_until_raised(expected, generator.random(requests) < expected) is not None
    assert 0 < crossed <= runs * requests / level


def test_swapped_labels_are_seen_within_some_hundred_requests() -> None:
    """A quarter of the requests have a label that the surrogate can't know any more."""
    generator, found = np.random.default_rng(6), []
    for _ in range(20):
        expected = generator.uniform(0.2, 0.9, 2_000)
        agrees = (generator.random(2_000) < expected) & (generator.random(2_000) > 20 / 77)
        found.append(requests_until_raised(expected, agrees))
    assert None not in found
    assert np.median([each or 0 for each in found]) < 300


def test_the_shift_corrects_scores_cautiously() -> None:
    """Scores are too high by one in log-odds: the shift says so, and a little more with fewer rows."""
    generator = np.random.default_rng(7)
    scores = generator.uniform(0.3, 0.9, 40_000).astype(np.float32)
    agrees = generator.random(40_000) < [expected_agreement(float(score), -1.0) for score in scores]
    shifts = [cautious_shift(scores[:rows], agrees[:rows]) for rows in (0, 200, 40_000)]
    assert shifts[0] == pytest.approx(-1.0), "no rows: the prior, less its standard deviation"
    assert -1.4 < shifts[1] < -0.9
    assert -1.05 < shifts[2] < -0.99


def test_each_threshold_has_the_shift_of_what_it_defers() -> None:
    scores = np.linspace(0.4, 1.0, 3_000, dtype=np.float32)
    agrees = np.arange(3_000) % 2 == 0
    points = (FrontierPoint(0.8, 0.5, 0.9, 0.8), FrontierPoint(0.9, 0.9, 0.2, 0.9))
    shifted = with_deferred_shifts(points, Sample(scores, agrees, scores > 0.0))
    low, high = (one.deferred_shift or 0.0 for one in shifted)
    assert high < -0.5 < low < 0.5, "half of them agree, which is the lower the higher the scores"
    assert [shift_at(shifted, threshold) for threshold in (0.1, 0.6, 0.8)] == [low, low, high]
    assert shift_at(points, 0.5) is None
    assert shift_at((), 0.5) is None
