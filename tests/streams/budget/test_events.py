"""The highest level of each limit of the day is told, with what happens at the last one."""

from schemas.call_limits import CallLimits
from schemas.events import EventKind, SpendingDetails
from streams.budget.events import reached_levels, spending_event
from streams.state.spending import Spent


def test_each_limit_of_the_day_is_told_at_its_highest_level() -> None:
    limits = CallLimits(calls_per_second=1.0, calls_per_day=10, tokens_per_day=1000, money_per_day=2.0)
    levels = [(one.limit, one.level) for one in reached_levels("t", limits, Spent(5, 4, 799, 2.5))]
    assert levels == [("tokens_per_day", 0.5), ("money_per_day", 1.0)]


def test_a_limit_that_allows_no_further_call_is_reached() -> None:
    limits = CallLimits(tokens_per_day=1000, money_per_day=2.0)
    (reached,) = reached_levels("t", limits, Spent(5, 9, 91, 1.9))
    assert (reached.limit, reached.level) == ("money_per_day", 1.0)
    assert spending_event(reached, "wait", 7).message == (
        "t: `money_per_day` has no room for another call: 1.9 of 2 today; until 00:00 UTC requests that need "
        "the teacher wait"
    )


def test_the_event_says_what_happens_now() -> None:
    (reached,) = reached_levels("*", CallLimits(money_per_day=2.0), Spent(5, 4, 799, 2.5))
    event = spending_event(reached, "answer", 7)
    assert (event.kind, event.task, event.at) == (EventKind.SPENDING, "*", 7)
    assert SpendingDetails.of(event) == SpendingDetails("money_per_day", 1.0, 2.5, 2.0)
    assert event.message == (
        "all tasks together: 100% of `money_per_day` is spent: 2.5 of 2 today; until 00:00 UTC the "
        "surrogate's guesses answer them, outside the guarantee"
    )
