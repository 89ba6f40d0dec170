"""A worker's own share of the limits while Redis is away.

Of what was left when Redis last answered, a worker may use its part: all that is left, divided by the workers
that asked for calls then. So workers that asked for the task's calls in the last seconds before stay within
the limits together, whoever is gone meanwhile; what one heard long before may be spent by others since. A
worker that has never heard what is left may call nobody.
"""

import math
from dataclasses import dataclass

from schemas.call_limits import CallLimits
from streams.spending.usage import ScopeUsage, calls_left


@dataclass(slots=True)
class _Share:
    """Attributes:
    usage: of all workers, as Redis last said.
    begun: calls of this worker since then.
    next_call: seconds on the clock from which on the pace allows another call.
    """

    usage: ScopeUsage
    workers: int
    begun: int = 0
    next_call: float = 0.0


class LocalShare:
    """By scope: a task, or `*` for all of them."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}

    def note(self, scope: str, usage: ScopeUsage, workers: int) -> None:
        """Redis has answered."""
        self._shares[scope] = _Share(usage, max(1, workers))

    def calls_allowed(self, scope: str, limits: CallLimits, in_flight: int, wanted: int, now: float) -> int:
        """How many of the calls may begin.

        Args:
            in_flight: calls of this worker that are under way.
            now: seconds on a clock that never goes back.
        """
        if not limits.is_limited:
            return wanted
        share = self._shares.get(scope)
        if share is None:
            return 0
        allowed = [float(wanted)]
        lefts = calls_left(limits, share.usage, share.usage.in_flight).values()
        allowed += [left / share.workers - share.begun for left in lefts]
        if limits.calls_in_flight is not None:
            allowed.append(limits.calls_in_flight // share.workers - in_flight)
        if limits.calls_per_second is not None:
            allowed.append(1.0 if now >= share.next_call else 0.0)
        return max(0, math.floor(min(allowed)))

    def begin(self, scope: str, limits: CallLimits, calls: int, now: float) -> None:
        """So many calls begin."""
        share = self._shares.get(scope)
        if share is not None:
            share.begun += calls
            if calls and limits.calls_per_second is not None:
                share.next_call = now + calls * share.workers / limits.calls_per_second
