"""A limit is reached where no further call fits under it; what is in flight counts as if it were paid."""

import math

import pytest

from schemas.call_limits import CallLimits
from streams.spending.usage import ScopeUsage, calls_left, reached_ceiling


@pytest.mark.parametrize(
    ("limits", "usage", "limit", "is_final"),
    [
        (CallLimits(calls_per_day=3), ScopeUsage(calls=3), "calls_per_day", True),
        (CallLimits(calls_per_day=3), ScopeUsage(calls=2, in_flight=1), "calls_per_day", False),
        (CallLimits(tokens_per_day=100), ScopeUsage(calls=9, tokens=90), None, False),
        (CallLimits(tokens_per_day=100), ScopeUsage(calls=9, tokens=91), "tokens_per_day", True),
        (CallLimits(money_per_day=1.0), ScopeUsage(calls=4, money=0.6, in_flight=2), "money_per_day", False),
        (CallLimits(money_per_day=0.0), ScopeUsage(), "money_per_day", True),
        (CallLimits(calls_in_flight=2), ScopeUsage(in_flight=2), "calls_in_flight", False),
        (CallLimits(calls_per_second=2.0), ScopeUsage(wait=0.3), "calls_per_second", False),
        (CallLimits(), ScopeUsage(9.0, 9, 9, 9.0, 9.0), None, False),
    ],
)
def test_the_limit_that_is_reached_is_named(
    limits: CallLimits, usage: ScopeUsage, limit: str | None, is_final: bool
) -> None:
    held = reached_ceiling("t", limits, usage)
    assert (held and held.ceiling.limit, bool(held and held.ceiling.is_final)) == (limit, is_final)
    if held is not None:
        assert held.wait > 0.0
        assert f"`teacher.limits.{limit}`" in held.ceiling.sentence


def test_a_total_is_named_as_such() -> None:
    held = reached_ceiling("*", CallLimits(calls_per_day=0), ScopeUsage())
    assert held is not None
    assert held.ceiling.sentence == (
        "`teacher.total_limits.calls_per_day` of 0 is reached, until 00:00 UTC: raise it, or wait"
    )


def test_the_first_call_of_a_day_shows_what_one_costs() -> None:
    limits = CallLimits(tokens_per_day=5, money_per_day=0.0)
    assert calls_left(limits, ScopeUsage(), 0) == {"tokens_per_day": 1.0, "money_per_day": 0.0}
    assert calls_left(limits, ScopeUsage(), 1)["tokens_per_day"] == 0.0
    assert calls_left(limits, ScopeUsage(calls=1), 9)["tokens_per_day"] == math.inf
    assert calls_left(limits, ScopeUsage(calls=2, failed=2), 1)["tokens_per_day"] == 0.0
    assert calls_left(limits, ScopeUsage(calls=3, tokens=1, failed=2), 1)["tokens_per_day"] == 3.0
