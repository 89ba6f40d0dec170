"""The tails are those of scipy and of exact arithmetic."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ncx2

from models.noncentral import chi_square_tail, hypergeometric_tail


@given(st.floats(1e-3, 3000.0), st.integers(1, 300), st.floats(1e-3, 1500.0))
def test_the_chi_square_tail_is_scipys(statistic: float, freedom: int, noncentrality: float) -> None:
    found = chi_square_tail(statistic, freedom, noncentrality)
    assert found == pytest.approx(float(ncx2.sf(statistic, freedom, noncentrality)), rel=1e-6, abs=1e-13)


@pytest.mark.parametrize("statistic", [1e-12, 1.0, 1e5])
@pytest.mark.parametrize("freedom", [1, 2, 77])
def test_without_noncentrality_it_is_the_central_law(statistic: float, freedom: int) -> None:
    expected = float(ncx2.sf(statistic, freedom, 0.0))
    assert chi_square_tail(statistic, freedom, 0.0) == pytest.approx(expected, abs=1e-13)


@given(st.integers(1, 300), st.data(), st.fractions("1/5", 5, max_denominator=10))
def test_the_hypergeometric_tail_is_exact(rows: int, data: st.DataObject, odds: Fraction) -> None:
    marked, drawn = data.draw(st.integers(0, rows)), data.draw(st.integers(0, rows))
    least = data.draw(st.integers(0, min(marked, drawn) + 1))
    weights = {
        count: comb(marked, count) * comb(rows - marked, drawn - count) * odds**count
        for count in range(max(0, drawn + marked - rows), min(marked, drawn) + 1)
    }
    expected = sum(weight for count, weight in weights.items() if count >= least) / sum(weights.values())
    found = hypergeometric_tail(least, rows, marked, drawn, float(odds))
    assert found == pytest.approx(float(expected), rel=1e-9)


def test_chances_reach_far_below_any_level() -> None:
    assert 0.0 < chi_square_tail(700.0, 9, 100.0) < 1e-50
    assert 0.0 < hypergeometric_tail(900, 4000, 1000, 1500, 2.0) < 1e-30
