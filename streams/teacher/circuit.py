"""Circuit breaker of one endpoint: closed, open until a time, then half open for one probe call.

It opens after `FAILURES` failed calls in a row, or at once where the endpoint names a time to wait. When that
time is over, one call is let through as a probe: if it succeeds, the circuit closes, otherwise it opens again
for twice as long. A pure record; clock and random numbers are passed in.

A call is reported with the permit with which it began, so that calls from before an opening, which end after
it, neither close the circuit nor lengthen the pause.
"""

from dataclasses import dataclass, replace

FAILURES = 5
SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
LONGEST_TOLD_PAUSE = 600.0
"""An endpoint that asks for more is probed after this time all the same, in seconds."""

_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Permit:
    """A call that may begin.

    Attributes:
        period: the circuit's period in which it began.
        probe: whether the circuit was half open; what becomes of the call decides what it will be.
    """

    period: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Circuit:
    """State of one endpoint. Times are seconds of any clock that never goes back.

    Attributes:
        failures: failed calls in a row, while closed.
        openings: how often it has opened since it was last closed; the pause doubles with each.
        open_until: time from which on a probe may begin; None while closed.
        probing: whether the probe is under way.
        period: number of changes so far between closed, open and half open.
    """

    failures: int = 0
    openings: int = 0
    open_until: float | None = None
    probing: bool = False
    period: int = 0

    @property
    def is_closed(self) -> bool:
        return self.open_until is None

    def admits(self, now: float) -> bool:
        """Whether a call may begin."""
        return self.open_until is None or (not self.probing and now >= self.open_until)

    def wait(self, now: float) -> float | None:
        """Seconds until a call may begin, 0 if it may now; None until the probe has ended."""
        if self.open_until is None:
            return 0.0
        return None if self.probing else max(self.open_until - now, 0.0)

    def begin(self, now: float) -> "tuple[Circuit, Permit]":
        """A call begins.

        Raises:
            ValueError: none may begin now.
        """
        if not self.admits(now):
            raise ValueError("the circuit is open: no call may begin")
        if self.open_until is None:
            return self, Permit(self.period, probe=False)
        half_open = replace(self, probing=True, period=self.period + 1)
        return half_open, Permit(half_open.period, probe=True)

    def on_success(self, permit: Permit) -> "Circuit":
        """The endpoint has answered, be it with an error about this one text."""
        if permit.period != self.period:
            return self
        return Circuit(period=self.period + 1) if permit.probe else replace(self, failures=0)

    def on_failure(
        self, permit: Permit, now: float, draw: float, retry_after: float | None = None
    ) -> "Circuit":
        """The call failed in a way that passes.

        Args:
            draw: random number in [0, 1), for the jitter.
            retry_after: seconds that the endpoint asks to wait, if it does; less than `SHORTEST_PAUSE` opens
                nothing by itself.
        """
        told = _told_pause(retry_after, draw)
        if permit.period != self.period:
            return self if told is None else self._open_at_least_until(now + told)
        if not permit.probe and told is None and self.failures + 1 < FAILURES:
            return replace(self, failures=self.failures + 1)
        openings = self.openings + 1
        until = now + (pause(openings, draw) if told is None else told)
        return Circuit(openings=openings, open_until=until, period=self.period + 1)

    def on_cancel(self, permit: Permit) -> "Circuit":
        """The call was stopped before anything was known of the endpoint; another may be the probe."""
        if permit.probe and permit.period == self.period:
            return replace(self, probing=False, period=self.period + 1)
        return self

    def _open_at_least_until(self, told: float) -> "Circuit":
        if self.open_until is None or self.probing:
            return self
        return replace(self, open_until=max(self.open_until, told))


def _told_pause(retry_after: float | None, draw: float) -> float | None:
    """Not all workers end it at once: up to a tenth longer than the endpoint asks."""
    if retry_after is None or retry_after < SHORTEST_PAUSE:
        return None
    return min(retry_after, LONGEST_TOLD_PAUSE) * (1.0 + draw / 10.0)


def pause(failures: int, draw: float) -> float:
    """Seconds to wait after so many failures in a row: doubling from 1 s to 60 s, less up to half of it.

    Args:
        failures: at least 1.
        draw: random number in [0, 1).
    """
    longest = min(SHORTEST_PAUSE * 2.0 ** min(failures - 1, _DOUBLINGS), LONGEST_PAUSE)
    return longest * (1.0 - draw / 2.0)
