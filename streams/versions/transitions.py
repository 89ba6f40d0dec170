"""Decisions about a task's versions: each function takes the serving state and returns the change to make.

Nothing here reads or writes: `streams.state.registry` makes a change only if the serving state is still the
one that the change was decided on. So each decision may be repeated, and one that no longer applies changes
nothing.
"""

from dataclasses import dataclass, replace

from streams.errors import TransitionRefused
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import PromotionPlan
from streams.versions.serving_state import ActiveVersion, Candidate, ServingChange, ServingState

TRAINER, CERTIFY = "trainer", "certify"


@dataclass(frozen=True, slots=True)
class VersionOrigin:
    """Who brings a new version, and why it may go live: for its history and for people."""

    by: str
    reason: str


FITTED_HERE = VersionOrigin(TRAINER, "it passed the offline gate")


def publish(
    state: ServingState,
    version: str,
    token: int,
    plan: PromotionPlan,
    certify_from: int,
    origin: VersionOrigin,
    now: int,
) -> ServingChange:
    """A version that passed the offline gate goes live, on trial, or waits for approval or a pin's end.

    Args:
        certify_from: Unix milliseconds; the gate has used no older traces to calibrate it.

    Raises:
        TransitionRefused: an alarm has contradicted such traces since.
    """
    if certify_from < state.certify_from:
        raise TransitionRefused("an alarm during the fit contradicts the traces that calibrate the version")
    reason = origin.reason
    if state.pin is not None and plan.mode is VersionStage.LIVE:
        plan, reason = PromotionPlan(VersionStage.SHADOW), f"{reason}; it waits for the pin to be lifted"
    arrived = Transition(version, None, plan.mode, now, origin.by, reason)
    if plan.mode is VersionStage.LIVE:
        return replace_live(state, arrived, VersionStage.RETIRED, token)
    after = replace(state, candidate=Candidate(version, plan, token, now, certify_from))
    return ServingChange(after, (*trial_end(state, f"{version} takes its place", now), arrived))


def replace_live(
    state: ServingState, arrived: Transition, leaving: VersionStage, token: int
) -> ServingChange:
    """`arrived` takes the place of the live version and ends every trial; the breaker closes with it.

    Args:
        leaving: what the live version becomes, unless an alarm has stopped it.
        token: fencing token of the new live version.
    """
    active, version, now = state.active, arrived.version, arrived.at
    why, moves = f"{version} takes its place", list[Transition]()
    if active is not None and active.version != version:
        after = VersionStage.ROLLED_BACK if state.breaker.stops(active.version) else leaving
        moves.append(Transition(active.version, VersionStage.LIVE, after, now, arrived.by, why))
    if state.candidate is not None and state.candidate.version != version:
        moves += trial_end(state, why, now)
    changed = replace(
        state,
        active=ActiveVersion(version, token, now),
        candidate=None,
        breaker=state.breaker.closed(version, now, f"{version} goes live", arrived.by),
    )
    return ServingChange(changed, (*moves, arrived))


def trial_end(state: ServingState, reason: str, now: int) -> tuple[Transition, ...]:
    """The end of the trial that is going on, if one is."""
    candidate = state.candidate
    if candidate is None:
        return ()
    return (Transition(candidate.version, candidate.plan.mode, VersionStage.RETIRED, now, TRAINER, reason),)
