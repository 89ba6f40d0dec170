"""Savings: only answered requests that are not audited save a call of the teacher."""

import pytest

from models.savings import Saving, saved_cost, saving


def test_audits_lower_the_saving() -> None:
    assert saving(0.5, 1000, 0.01, 0.02) == Saving(answered=500, audits=10, money=4.9)
    assert saving(0.5, 1000, 0.01, 0.1).money == pytest.approx(4.5)


def test_more_calls_than_requests_save_nothing() -> None:
    assert saved_cost(10, 12, 0.01) == 0.0
