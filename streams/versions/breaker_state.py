"""Breaker of a task: stops all answers, or those of single versions. Safeguards add the blocked labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

# The versions that the breaker remembers; more than a registry commonly keeps.
_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of a task.

    Attributes:
        open: everything is deferred.
        against: versions that an alarm has stopped, oldest first. They are stopped also while the breaker is
            closed: a worker that could not load what came after them must not go on with them.
        since: Unix milliseconds at which it changed last; of two copies the newer one holds.
        reason, by: for people.
    """

    open: bool = False
    against: tuple[str, ...] = ()
    since: int = 0
    reason: str = ""
    by: str = ""

    def stops(self, version: str | None) -> bool:
        """Whether `version` may not answer now."""
        return self.open or version in self.against

    def opened(self, against: str, since: int, reason: str, by: str) -> "Breaker":
        """The breaker open, with `against` stopped."""
        return replace(self.stopping(against, since), open=True, reason=reason, by=by)

    def stopping(self, version: str, since: int) -> "Breaker":
        """The breaker with `version` stopped, and as it was for the others."""
        remembered = (*self._without(version), version)[-_REMEMBERED:]
        return replace(self, against=remembered, since=self._later(since))

    def merge(self, known: "Breaker") -> "Breaker":
        """The breaker that stops what either of the two stops."""
        stopped = dict.fromkeys((*known.against, *self.against))
        since = max(self.since, known.since)
        return replace(self, open=self.open or known.open, against=tuple(stopped)[-_REMEMBERED:], since=since)

    def closed(self, version: str | None, since: int, reason: str, by: str) -> "Breaker":
        """The breaker closed, with `version` free to answer."""
        return Breaker(False, self._without(version), self._later(since), reason, by)

    def _without(self, version: str | None) -> tuple[str, ...]:
        return tuple(other for other in self.against if other != version)

    def _later(self, now: int) -> int:
        """At least one millisecond later, also where the clock went back: a change must look newer."""
        return max(now, self.since + 1)


CLOSED = Breaker()


@dataclass(frozen=True, slots=True)
class Safeguards:
    """The breaker of a task, and the labels that each version may not answer with."""

    breaker: Breaker = CLOSED
    blocked: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def after(self, known: "Safeguards") -> "Safeguards":
        """These, but with the `known` breaker where that is newer: Redis may come from an old snapshot."""
        return self if self.breaker.since >= known.breaker.since else replace(self, breaker=known.breaker)
