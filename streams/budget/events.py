"""Events about limits of a day: at 50, 80 and 100 % of each, once a day."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.call_limits import CallLimits
from schemas.config import EVERY_TASK
from schemas.events import Event, SpendingDetails
from streams.spending.usage import ScopeUsage, calls_left
from streams.state.spending import Spent

LEVELS = (0.5, 0.8, 1.0)

_THEN = {
    "wait": "requests that need the teacher wait",
    "error": "requests that need the teacher get an error",
    "answer": "the surrogate's guesses answer them, outside the guarantee",
}


class ReachedLevel(NamedTuple):
    """A share of a limit that is spent.

    Attributes:
        scope: a task, or `*` for all of them.
        day: since 1970.
    """

    scope: str
    day: int
    limit: str
    level: float
    spent: float
    allowed: float

    @property
    def name(self) -> str:
        """Names limit and level."""
        return f"{self.limit}.{self.level:.0%}"

    @property
    def key(self) -> tuple[str, int, str, float]:
        return self.scope, self.day, self.limit, self.level


def reached_levels(scope: str, limits: CallLimits, spent: Spent) -> Iterator[ReachedLevel]:
    """The highest level that is reached of each limit of a day; the last where it allows no further call."""
    calls, failed = int(spent.calls), int(spent.failed)
    left = calls_left(limits, ScopeUsage(0.0, 0, calls, spent.tokens, spent.money, failed), 0)
    for limit, allowed, used in (
        ("calls_per_day", limits.calls_per_day, spent.calls),
        ("tokens_per_day", limits.tokens_per_day, spent.tokens),
        ("money_per_day", limits.money_per_day, spent.money),
    ):
        if allowed:
            reached = [level for level in LEVELS if used >= level * allowed or left[limit] < 1.0]
            if reached:
                yield ReachedLevel(scope, spent.day, limit, reached[-1], used, allowed)


def spending_event(reached: ReachedLevel, at_ceiling: str, now: int) -> Event:
    """Tells that a share of a limit is spent; `now` in Unix milliseconds."""
    whose = "all tasks together" if reached.scope == EVERY_TASK else reached.scope
    then = f"; until 00:00 UTC {_THEN[at_ceiling]}" if reached.level >= 1.0 else ""
    is_short = reached.spent < reached.level * reached.allowed
    what = (
        f"`{reached.limit}` has no room for another call"
        if is_short
        else (f"{reached.level:.0%} of `{reached.limit}` is spent")
    )
    message = f"{whose}: {what}: {reached.spent:,.6g} of {reached.allowed:,.6g} today{then}"
    details = SpendingDetails(reached.limit, reached.level, reached.spent, reached.allowed)
    return details.event(reached.scope, now, message)
