"""Pace of the calls to an endpoint that refuses those beyond a limit which nobody has told us (429).

Where more than a twentieth of the calls are refused, calls begin too fast: then they begin at the rate of the
answers since the refusal before, a little less, and at no less than half the rate before, since answers are
late. Rarer refusals change nothing: some endpoints refuse a call now and then, whatever the rate. The rate
grows by itself, so that a higher limit is found again, and an old refusal is forgotten. A pure record.
"""

from dataclasses import dataclass, replace

GROWTH = 1.03
"""By which the rate grows in a second."""

BACK_OFF = 0.95
SLOWEST = 0.2
TOLERATED = 0.05
"""Share of refused calls that lowers no rate."""

_FORGOTTEN = 1_000.0
_SHORTEST = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Times are seconds of any clock that never goes back.

    Attributes:
        rate: calls a second at `since`; None: calls are not paced.
        since: time of the last refusal that counted, or of the first call.
        begun, answered: calls since then.
        answers, refusals: calls so far, those before each refusal that counted with half their weight.
        next_call: time from which on another call may begin.
    """

    rate: float | None = None
    since: float | None = None
    begun: int = 0
    answered: int = 0
    answers: float = 0.0
    refusals: float = 0.0
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
        next_call = self.next_call if rate is None else max(self.next_call, now) + 1.0 / rate
        kept = self.rate if rate is not None else None
        return replace(self, rate=kept, since=since, begun=self.begun + 1, next_call=next_call)

    def on_answer(self) -> "Pace":
        """The endpoint has answered."""
        return replace(self, answered=self.answered + 1, answers=self.answers + 1.0)

    def on_refusal(self, now: float, *, counts: bool = True) -> "Pace":
        """The endpoint has refused a call because of its limit.

        Args:
            counts: of many refusals at once only one changes the rate.
        """
        refusals = self.refusals + 1.0
        if not counts:
            return replace(self, refusals=refusals)
        rate = self.rate_at(now)
        if refusals > TOLERATED * (refusals + self.answers):
            rate = max(BACK_OFF * self._lowered(rate, now), SLOWEST)
        return Pace(rate, now, answers=self.answers / 2, refusals=refusals / 2, next_call=self.next_call)

    def _lowered(self, rate: float | None, now: float) -> float:
        """The rate of the answers, at least half the rate before."""
        seconds = max(now - (now if self.since is None else self.since), _SHORTEST)
        before = self.begun / seconds if rate is None else rate
        return max(min(self.answered / seconds, before), before / 2)
