"""What audits prove is never more than they prove, and a fall is noticed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from models.certificate import Alarm, Certificate, log_evidence, lower_bound

COUNTS = st.tuples(st.integers(0, 300), st.integers(0, 40))


@given(COUNTS, st.floats(0.5, 0.98))
def test_evidence_is_the_mean_likelihood_ratio_over_the_alternatives(
    counts: tuple[int, int], target: float
) -> None:
    hits, misses = counts

    def ratio(p: float) -> float:
        return float((p / target) ** hits * ((1 - p) / (1 - target)) ** misses / (1 - target))

    slow, _ = quad(ratio, target, 1, points=[(hits + 1e-9) / (hits + misses + 1e-9)], limit=500)
    assert np.exp(log_evidence(Certificate(hits + misses, hits), target)) == pytest.approx(slow, rel=1e-5)


@given(COUNTS, st.floats(0.001, 0.2))
def test_an_agreement_raises_the_bound_and_a_disagreement_lowers_it(
    counts: tuple[int, int], delta: float
) -> None:
    hits, misses = counts
    bound = lower_bound(Certificate(hits + misses, hits), delta)
    assert lower_bound(Certificate(hits + misses + 1, hits + 1), delta) >= bound
    assert lower_bound(Certificate(hits + misses + 1, hits), delta) <= bound


def test_a_fall_raises_the_alarm_soon_however_long_the_good_history() -> None:
    alarm = Alarm.quiet(0.95)
    for _ in range(2000):
        alarm = alarm.after(agreed=True)
    assert not alarm.raised(10_000)
    for _ in range(10):
        alarm = alarm.after(agreed=False)
    assert alarm.raised(10_000)
