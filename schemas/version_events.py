"""Details of events about versions: fitted, tried, promoted, restored, pinned."""

from typing import Literal

from msgspec import Struct

from schemas.event import EventDetails, EventKind
from schemas.messages import Milliseconds

BreakerState = Literal["open", "closed"]
OPERATOR = "operator"
"""Who has changed something by the command line, where no name is given."""


class RefitDetails(EventDetails, frozen=True):
    """A refit has started.

    Attributes:
        version: that is being fitted.
        traces: that it is fitted on.
        newest: time of the newest reply among them; 0 without any.
    """

    kind = EventKind.REFIT
    version: str
    traces: int
    newest: Milliseconds


class VersionMove(Struct, frozen=True):
    """A version went from one stage of its life to another.

    Attributes:
        version: that moved.
        before: `refused`, `shadow`, `canary`, `approval`, `live`, `retired`, `rolled_back`; null for a new
            version.
        after: one of the same.
        by: the role, `operator`, or the name of the person who approved or refused it.
        reason: for people.
    """

    version: str
    before: str | None
    after: str
    at: Milliseconds
    by: str
    reason: str


class PromotedDetails(EventDetails, frozen=True):
    """A version went live: after its fit, after its trial, or by an operator's command.

    Attributes:
        version: that answers now.
        moves: all that changed with it, in order; the last is its own.
        breaker: after the change.
        traces: of the fit; with `accuracy`, `seconds` and `coverage` null where it was fitted earlier.
        accuracy: share of all traces on which its out-of-fold guess equals the teacher's label.
        seconds: that the fit took.
        coverage: expected share of requests that it answers, by target agreement.
    """

    kind = EventKind.PROMOTED
    version: str
    moves: tuple[VersionMove, ...]
    breaker: BreakerState
    traces: int | None = None
    accuracy: float | None = None
    seconds: float | None = None
    coverage: dict[str, float] | None = None


class RefusedDetails(EventDetails, frozen=True):
    """A version does not go live: its fit or trial failed, or the gate, a battery or a person refused it.

    Attributes:
        version: that does not.
        reasons: a sentence for each.
    """

    kind = EventKind.REFUSED
    version: str
    reasons: tuple[str, ...]


class TrialDetails(EventDetails, frozen=True):
    """A version that passed the offline gate is on trial, or waits for a person's approval.

    Attributes:
        version: that is tried.
        state: `shadow`, `canary` or `approval`.
        share: of the requests that a canary answers.
        needs: checked answers that the trial takes; 0 where it lasts until the pin is lifted, or
            until a person has decided.
    """

    kind = EventKind.TRIAL
    version: str
    state: str
    share: float
    needs: int


class RollbackDetails(EventDetails, frozen=True):
    """An earlier version was restored, or a canary was taken back.

    Attributes:
        restored: the version that was restored; null where a canary was taken back.
        moves: all that changed, in order.
        breaker: after the change.
    """

    kind = EventKind.ROLLBACK
    restored: str | None
    moves: tuple[VersionMove, ...]
    breaker: BreakerState


class BreakerClosedDetails(EventDetails, frozen=True):
    """An operator has closed the breaker.

    Attributes:
        reason: that the operator gave.
        by: `operator` for the command line, `this machine`, or the name of the key on the dashboard.
    """

    kind = EventKind.BREAKER_CLOSED
    reason: str
    by: str = OPERATOR


class PinnedDetails(EventDetails, frozen=True):
    """An operator has pinned the task: no version is promoted.

    Attributes:
        reason: that the operator gave.
        by: `operator` for the command line, `this machine`, or the name of the key on the dashboard.
    """

    kind = EventKind.PINNED
    reason: str
    by: str = OPERATOR


class UnpinnedDetails(EventDetails, frozen=True):
    """An operator has lifted the pin.

    Attributes:
        reason: that the operator gave.
        by: `operator` for the command line, `this machine`, or the name of the key on the dashboard.
    """

    kind = EventKind.UNPINNED
    reason: str
    by: str = OPERATOR
