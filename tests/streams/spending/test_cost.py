"""Calls, tokens and money add up; what an endpoint does not report is estimated, rather too high."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.call_limits import Price
from schemas.messages import Answer, Usage
from streams.spending.cost import CallCost, CallKind, kind_of, money_of
from streams.spending.day_spending import day_spending
from tests.streams.fakes import deferral

counts = st.integers(0, 10**6)


@given(counts, counts, counts)
def test_money_is_that_of_the_three_prices(prompt: int, cached: int, completion: int) -> None:
    usage = Usage(prompt, completion, min(cached, prompt))
    money = money_of(usage, Price(input=2.0, cached_input=0.5, output=8.0))
    expected = (prompt - usage.cached_tokens) * 2e-6 + usage.cached_tokens * 5e-7 + completion * 8e-6
    assert money == pytest.approx(expected)


def test_cached_tokens_cost_as_others_unless_priced() -> None:
    assert money_of(Usage(1_000_000, 0, 400_000), Price(input=3.0)) == pytest.approx(3.0)
    assert money_of(Usage(1_000_000, 0, 400_000), Price(input=3.0, cached_input=0.0)) == pytest.approx(1.8)


@pytest.mark.parametrize(
    ("price", "is_known", "is_free"),
    [
        (Price(), False, False),
        (Price(cached_input=0.0), False, False),
        (Price(output=1.0), True, False),
        (Price(input=0.0), True, True),
        (Price(input=0.0, output=0.0, cached_input=0.1), True, False),
    ],
)
def test_a_price_of_nothing_is_known_where_it_is_set(price: Price, is_known: bool, is_free: bool) -> None:
    assert (price.is_known, price.is_free) == (is_known, is_free)
    assert day_spending({}).price_a_call(price) == (0.0 if is_free else None)
    spent = {"requests.calls": 4.0, "requests.money": 2.0}
    assert day_spending(spent).price_a_call(price) == 0.5


def test_answers_add_up_and_a_missing_report_is_estimated() -> None:
    cost = CallCost()
    assert cost.milliseconds() is None
    cost.begin_call()
    cost.add(Usage(10, 2, 5), characters=900)
    cost.begin_call()
    cost.add(None, characters=301)
    assert (cost.calls, cost.usage, cost.counted) == (2, Usage(10, 2, 5), Usage(111, 2, 5))
    cost.begin_call()
    assert (cost.calls, cost.failed) == (3, 1)
    assert cost.milliseconds() is not None


def test_calls_are_told_apart_by_what_they_are_for() -> None:
    kinds = [kind_of(deferral()), kind_of(deferral(audit=True)), kind_of(deferral(first=Answer("yes")))]
    assert kinds == [CallKind.REQUESTS, CallKind.AUDITS, CallKind.REPEATS]


@pytest.mark.parametrize("usage", [Usage(-1, -1), Usage(5, 1, -1), Usage(10**400, 1)])
def test_a_report_that_can_not_be_is_estimated(usage: Usage) -> None:
    cost = CallCost()
    cost.begin_call()
    cost.add(usage, characters=900)
    assert (cost.usage, cost.counted, cost.failed) == (None, Usage(300), 0)
