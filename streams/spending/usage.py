"""Usage of one scope, a task or all of them, and which of its limits is reached."""

import math
from typing import NamedTuple

from schemas.call_limits import CallLimits
from streams.spending.admission import Ceiling

_SOON = 0.25
"""Seconds until a call in flight may have ended."""

_LATER = 5.0
"""Seconds until it is worth looking whether a limit was raised, or a new day has begun."""


class ScopeUsage(NamedTuple):
    """Attributes:
    wait: seconds until the pace allows another call.
    in_flight: calls under way.
    calls, tokens, money: of today.
    failed: calls of today without an answer, which cost nothing that is known.
    """

    wait: float = 0.0
    in_flight: int = 0
    calls: int = 0
    tokens: float = 0.0
    money: float = 0.0
    failed: int = 0


class HeldBack(NamedTuple):
    """Attributes:
    wait: seconds until it is worth asking again.
    """

    ceiling: Ceiling
    wait: float


def calls_left(limits: CallLimits, usage: ScopeUsage, in_flight: int) -> dict[str, float]:
    """For each limit of a day that is set, how many calls it still allows.

    Args:
        in_flight: calls under way, each taken to cost what answers have cost so far today. Before the first
            one nobody knows what they cost, so one call alone is allowed.
    """
    left: dict[str, float] = {}
    answers = usage.calls - usage.failed
    if limits.calls_per_day is not None:
        left["calls_per_day"] = limits.calls_per_day - usage.calls - in_flight
    for name, allowed, used in (
        ("tokens_per_day", limits.tokens_per_day, usage.tokens),
        ("money_per_day", limits.money_per_day, usage.money),
    ):
        if allowed is not None:
            if answers <= 0:
                left[name] = 1.0 - in_flight if allowed > 0 else 0.0
            elif used:
                left[name] = (allowed - used) / (used / answers) - in_flight
            else:
                left[name] = math.inf if allowed > 0 else 0.0
    return left


def reached_ceiling(scope: str, limits: CallLimits, usage: ScopeUsage) -> HeldBack | None:
    """The limit of a scope that allows no further call now; None where none does so."""
    for name, left in calls_left(limits, usage, usage.in_flight).items():
        if left < 1.0:
            is_final = calls_left(limits, usage, 0)[name] < 1.0
            ceiling = Ceiling(scope, name, getattr(limits, name), is_final)
            return HeldBack(ceiling, _LATER if is_final else _SOON)
    if limits.calls_in_flight is not None and usage.in_flight >= limits.calls_in_flight:
        return HeldBack(Ceiling(scope, "calls_in_flight", limits.calls_in_flight), _SOON)
    if limits.calls_per_second is not None and usage.wait > 0.0:
        return HeldBack(Ceiling(scope, "calls_per_second", limits.calls_per_second), usage.wait)
    return None
