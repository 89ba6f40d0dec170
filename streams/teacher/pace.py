"""Pace of the calls to an endpoint that refuses those beyond a limit which nobody has told us (429).

After a refusal calls begin at the rate at which the endpoint has answered since the one before, a little
less, and at no less than half the rate before: answers are late, and calls under way are not counted among
them. From then on the rate grows by itself, so that a higher limit is found again, and an old refusal is
forgotten. A pure record.
"""

from dataclasses import dataclass, replace

GROWTH = 1.05
"""By which the rate grows in a second."""

BACK_OFF = 0.95
SLOWEST = 0.2
_FORGOTTEN = 1_000.0
_SHORTEST = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Times are seconds of any clock that never goes back.

    Attributes:
        rate: calls a second at `since`; None: calls are not paced.
        since: time of the last refusal, or of the first call.
        begun, answered: calls since then.
        next_call: time from which on another call may begin.
    """

    rate: float | None = None
    since: float | None = None
    begun: int = 0
    answered: int = 0
    next_call: float = 0.0

    def rate_at(self, now: float) -> float | None:
        """Calls a second by now; None where they are not paced, or not any more."""
        if self.rate is None or self.since is None:
            return None
        # Beyond the bound the power could overflow.
        grown = self.rate * GROWTH ** min(now - self.since, 600.0)
        return grown if grown < _FORGOTTEN else None

    def wait(self, now: float) -> float:
        """Seconds until a call may begin."""
        return 0.0 if self.rate_at(now) is None else max(self.next_call - now, 0.0)

    def on_begin(self, now: float) -> "Pace":
        """A call begins."""
        since = now if self.since is None else self.since
        rate = self.rate_at(now)
        if rate is None:
            return replace(self, rate=None, since=since, begun=self.begun + 1)
        return replace(self, begun=self.begun + 1, next_call=max(self.next_call, now) + 1.0 / rate)

    def on_answer(self) -> "Pace":
        """The endpoint has answered."""
        return replace(self, answered=self.answered + 1)

    def on_refusal(self, now: float) -> "Pace":
        """The endpoint has refused a call because of its limit."""
        seconds = max(now - (now if self.since is None else self.since), _SHORTEST)
        before = self.rate_at(now) or self.begun / seconds
        rate = BACK_OFF * max(min(self.answered / seconds, before), before / 2)
        return Pace(max(rate, SLOWEST), now, next_call=self.next_call)
