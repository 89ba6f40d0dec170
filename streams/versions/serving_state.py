"""Serving state of a task: the live version, the candidate, the breaker and the pin, changed as one."""

from dataclasses import dataclass

from streams.versions.breaker_state import CLOSED, Breaker
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import PromotionPlan


@dataclass(frozen=True, slots=True)
class ActiveVersion:
    """The live version.

    Attributes:
        token: the newest fencing token under which a version has gone live.
        since: Unix milliseconds.
    """

    version: str
    token: int
    since: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version next to the live one: on trial, or waiting for approval.

    Attributes:
        token: fencing token of the trainer that published it.
        since: Unix milliseconds.
        certify_from: Unix milliseconds; no older trace calibrated it or tested its thresholds. 0: not known.
    """

    version: str
    plan: PromotionPlan
    token: int
    since: int
    certify_from: int = 0

    @property
    def waits_for_approval(self) -> bool:
        return self.plan.mode is VersionStage.APPROVAL


@dataclass(frozen=True, slots=True)
class Pin:
    """An operator's pin: nothing is promoted until it is lifted; `since` in Unix milliseconds."""

    since: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ServingState:
    """The serving state as Redis has it.

    Attributes:
        count: of the changes so far; a change is made against the count that it was decided on.
        fence: newest fencing token handed out.
        certify_from: Unix milliseconds; older traces do not calibrate, since an alarm contradicts them.
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
    """A decision: the serving state as it is to be, and the transitions that lead there."""

    serving_state: ServingState
    moves: tuple[Transition, ...] = ()
