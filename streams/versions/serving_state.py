"""What routes a task: the live version, the one on trial, the breaker and the pin, changed as one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from models.binomial import fewest_trials
from schemas.config import Config
from streams.versions.lifecycle import Transition, VersionStage

# The versions that the breaker remembers; more than a registry commonly keeps.
_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class ActiveVersion:
    """Attributes:
    version: of the policy that routes.
    token: the newest fencing token under which a version has gone live.
    since: Unix milliseconds.
    """

    version: str
    token: int
    since: int


@dataclass(frozen=True, slots=True)
class PromotionPlan:
    """How a version that passed the offline gate goes live.

    Attributes:
        mode: `LIVE` at once, else `SHADOW` or `CANARY`.
        share: of the requests that a canary answers, in [0, 1].
        needs: checked answers that its trial takes.
    """

    mode: VersionStage = VersionStage.LIVE
    share: float = 0.0
    needs: int = 0


AT_ONCE = PromotionPlan()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version on trial beside the live one.

    Attributes:
        token: fencing token of the trainer that published it.
        since: Unix milliseconds.
    """

    version: str
    plan: PromotionPlan
    token: int
    since: int


@dataclass(frozen=True, slots=True)
class Breaker:
    """What stops a task's answers.

    Attributes:
        open: everything is deferred.
        against: versions that an alarm has stopped, oldest first. They are stopped also while the breaker is
            closed: a worker that could not load what came after them must not go on with them.
        since: Unix milliseconds at which it changed last; of two accounts the newer one holds.
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
        return replace(self.stopping(against, since), open=True, reason=reason, by=by)

    def stopping(self, version: str, since: int) -> "Breaker":
        """With `version` stopped, and for the others as it was."""
        remembered = (*self._without(version), version)[-_REMEMBERED:]
        return replace(self, against=remembered, since=self._later(since))

    def joined(self, known: "Breaker") -> "Breaker":
        """With all that `known` stops as well."""
        stopped = dict.fromkeys((*known.against, *self.against))
        since = max(self.since, known.since)
        return replace(self, open=self.open or known.open, against=tuple(stopped)[-_REMEMBERED:], since=since)

    def closed(self, version: str | None, since: int, reason: str, by: str) -> "Breaker":
        """With `version` free to answer."""
        return Breaker(False, self._without(version), self._later(since), reason, by)

    def _without(self, version: str | None) -> tuple[str, ...]:
        return tuple(other for other in self.against if other != version)

    def _later(self, now: int) -> int:
        """A clock that went back must not make a change look older than what it changes."""
        return max(now, self.since + 1)


CLOSED = Breaker()


@dataclass(frozen=True, slots=True)
class Safeguards:
    """What stops answers: of all versions, or of one version those with some labels."""

    breaker: Breaker = CLOSED
    blocked: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def after(self, known: "Safeguards") -> "Safeguards":
        """These, save where the breaker that was `known` is newer: a Redis restored from an old snapshot."""
        return self if self.breaker.since >= known.breaker.since else replace(self, breaker=known.breaker)


@dataclass(frozen=True, slots=True)
class Pin:
    """Nothing is promoted until an operator lifts it; `since` in Unix milliseconds."""

    since: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ServingState:
    """A task as Redis has it.

    Attributes:
        count: of the changes so far; a change is made against the count that it was decided on.
        fence: newest fencing token handed out.
        certify_from: Unix milliseconds; older traces do not certify, since an alarm has spoken against them.
    """

    count: int = 0
    fence: int = 0
    active: ActiveVersion | None = None
    candidate: Candidate | None = None
    breaker: Breaker = CLOSED
    pin: Pin | None = None
    certify_from: int = 0


@dataclass(frozen=True, slots=True)
class ServingChange:
    """A decision: the posture as it is to be, and the moves that lead there."""

    posture: ServingState
    moves: tuple[Transition, ...] = ()


def plan_of(config: Config) -> PromotionPlan:
    """What the task's `promotion` asks of a version that passed the offline gate.

    A canary's trial takes as many answers as prove the target where all of them agree.
    """
    mode, _, amount = config.promotion.partition(":")
    if mode == VersionStage.SHADOW:
        return PromotionPlan(VersionStage.SHADOW, 0.0, int(amount))
    if mode == VersionStage.CANARY:
        return PromotionPlan(
            VersionStage.CANARY, float(amount), fewest_trials(config.target_agreement, config.delta)
        )
    return AT_ONCE
