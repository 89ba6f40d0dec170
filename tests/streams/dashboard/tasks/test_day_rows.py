"""Days say what was answered without a call, and what the others have cost."""

import pytest

from schemas.call_limits import Price
from streams.dashboard.tasks.day_rows import days_view
from tests.streams.dashboard.scripted import BEGAN, DAY

MILLISECONDS = 86_400_000


def test_days_begin_with_the_first_request() -> None:
    view = days_view([(1, {}), (2, {"refits": 3.0}), (3, DAY), (4, {})], Price(), BEGAN)
    assert [day.at for day in view.days] == [3 * MILLISECONDS, 4 * MILLISECONDS]
    first, second = view.days
    assert (first.answered, first.asked, first.checks, first.coverage) == (900, 300, 60, 0.75)
    assert (first.money, first.saved) == (1.8, pytest.approx(900 * 1.5 / 300))
    assert (second.coverage, second.saved) == (None, 0.0)
    assert not view.has_price
    assert days_view([(1, {})], Price(input=1.0), BEGAN).days == []


def test_calls_of_apps_count_as_asked() -> None:
    [day] = days_view([(1, {"answered": 1.0, "apps.calls": 3.0, "apps.money": 0.6})], Price(), BEGAN).days
    assert (day.asked, day.coverage, day.money, day.saved) == (3, 0.25, 0.6, pytest.approx(0.2))
