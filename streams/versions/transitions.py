"""Decisions about a task's versions: each function takes the serving state and returns the change to make.

Nothing here reads or writes: `streams.state.registry` makes a change only if the serving state is still the
one that the change was decided on. So each decision may be repeated, and one that no longer applies changes
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from streams.errors import TransitionRefused
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.serving_state import (
    ActiveVersion,
    Candidate,
    Pin,
    PromotionPlan,
    ServingChange,
    ServingState,
)

TRAINER, CERTIFY = "trainer", "certify"


def publish(
    state: ServingState,
    version: str,
    token: int,
    plan: PromotionPlan,
    certify_from: int,
    reason: str,
    now: int,
) -> ServingChange:
    """A version that passed the offline gate goes live or on trial; while a pin holds, it waits in shadow.

    Args:
        certify_from: Unix milliseconds; the gate has used no older traces to calibrate it.

    Raises:
        TransitionRefused: an alarm has contradicted such traces since.
    """
    if certify_from < state.certify_from:
        raise TransitionRefused("an alarm during the fit contradicts the traces that calibrate the version")
    if state.pin is not None and plan.mode is VersionStage.LIVE:
        plan, reason = PromotionPlan(VersionStage.SHADOW), f"{reason}; it waits for the pin to be lifted"
    arrived = Transition(version, None, plan.mode, now, TRAINER, reason)
    if plan.mode is VersionStage.LIVE:
        return replace_live(state, arrived, VersionStage.RETIRED, token)
    after = replace(state, candidate=Candidate(version, plan, token, now))
    return ServingChange(after, (*_ended(state, f"{version} takes its place", now), arrived))


def after_alarm(
    state: ServingState, version: str, restored: str | None, certify_from: int, reason: str, now: int
) -> ServingChange | None:
    """Stops a version whose alarm was raised; None where it is stopped already.

    When a live version is stopped, a trial in progress ends: it, too, is about the traffic from before. A
    version that is not live may still answer at a worker that could not load a later one, and at all workers
    where the registry was emptied: then that version alone is stopped, and nothing else changes.

    Args:
        restored: a certified version to take its place; without one the breaker opens.
        certify_from: Unix milliseconds; older traces do not calibrate the next version.
    """
    if not alarm_concerns(state, version):
        return _stopped_elsewhere(state, version, certify_from, now)
    candidate = state.candidate
    if candidate is not None and candidate.version == version:
        fallen = Transition(version, candidate.plan.mode, VersionStage.ROLLED_BACK, now, CERTIFY, reason)
        return ServingChange(replace(state, candidate=None), (fallen,))
    opened = replace(
        state,
        breaker=state.breaker.opened(version, now, reason, CERTIFY),
        certify_from=max(state.certify_from, certify_from),
    )
    if restored is None or state.active is None or restored in state.breaker.against:
        return ServingChange(replace(opened, candidate=None), _ended(state, f"the alarm of {version}", now))
    arrived = Transition(
        restored,
        VersionStage.RETIRED,
        VersionStage.LIVE,
        now,
        CERTIFY,
        f"{reason}; it is still certified",
    )
    return replace_live(opened, arrived, VersionStage.ROLLED_BACK, state.active.token)


def _stopped_elsewhere(
    state: ServingState, version: str, certify_from: int, now: int
) -> ServingChange | None:
    on_trial = state.candidate is not None and state.candidate.version == version
    if on_trial or state.breaker.stops(version):
        return None
    since = state.certify_from if state.active else max(state.certify_from, certify_from)
    breaker = state.breaker.stopping(version, now)
    return ServingChange(replace(state, breaker=breaker, certify_from=since))


def may_answer(state: ServingState, version: str) -> bool:
    """Whether a version answers requests, or may do so while an emptied registry knows no better."""
    forgotten = state.active is None and not state.breaker.stops(version)
    return forgotten or alarm_concerns(state, version)


def alarm_concerns(state: ServingState, version: str) -> bool:
    """Whether a version answers requests, so that its alarm changes more than its own stage."""
    if state.candidate is not None and state.candidate.version == version:
        return state.candidate.plan.mode is VersionStage.CANARY
    answers = state.active is not None and state.active.version == version
    return answers and not state.breaker.stops(version)


def put_live(
    state: ServingState,
    version: str,
    before: VersionStage | None,
    leaving: VersionStage,
    by: str,
    reason: str,
    now: int,
) -> ServingChange:
    """An operator's command: `version` goes live, the breaker closes, and the live one becomes `leaving`.

    Raises:
        TransitionRefused: it is live and answers, or its stage does not allow it.
    """
    active = state.active
    if active is not None and active.version == version:
        if not state.breaker.stops(version):
            raise TransitionRefused(f"{version} is live already")
        return close_breaker(state, by, reason, now)
    token = state.fence if active is None else active.token
    return replace_live(
        state, Transition(version, before, VersionStage.LIVE, now, by, reason), leaving, token
    )


def close_breaker(state: ServingState, by: str, reason: str, now: int) -> ServingChange:
    """An operator's command: the live version answers again.

    Raises:
        TransitionRefused: nothing stops it.
    """
    version = None if state.active is None else state.active.version
    if not state.breaker.stops(version):
        raise TransitionRefused("the breaker is closed already")
    return ServingChange(replace(state, breaker=state.breaker.closed(version, now, reason, by)))


def pin_version(state: ServingState, by: str, reason: str, now: int) -> ServingChange:
    """Nothing is promoted from now on; raises TransitionRefused where the task is pinned already."""
    if state.pin is not None:
        raise TransitionRefused(f"promotions are pinned already, by {state.pin.by}: {state.pin.reason}")
    return ServingChange(replace(state, pin=Pin(now, reason, by)))


def unpin_version(state: ServingState, by: str, reason: str, now: int) -> ServingChange:
    """Promotions are free again, and a candidate that has waited for the pin alone goes live.

    Raises:
        TransitionRefused: there is no pin.
    """
    if state.pin is None:
        raise TransitionRefused("promotions are not pinned")
    free, candidate = replace(state, pin=None), state.candidate
    if candidate is None or candidate.plan.needs > 0:
        return ServingChange(free)
    arrived = Transition(
        candidate.version, candidate.plan.mode, VersionStage.LIVE, now, by, f"the pin is lifted: {reason}"
    )
    return replace_live(free, arrived, VersionStage.RETIRED, candidate.token)


def restorable_versions(
    state: ServingState, kept: Sequence[str], stages: Mapping[str, VersionStage]
) -> list[str]:
    """The versions that were live before and were never stopped, newest first.

    Args:
        kept: versions whose files are there, oldest first.
        stages: of each version, where that is known.
    """
    against = state.breaker.against
    return [
        version
        for version in reversed(kept)
        if stages.get(version) is VersionStage.RETIRED and version not in against
    ]


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
        moves += _ended(state, why, now)
    changed = replace(
        state,
        active=ActiveVersion(version, token, now),
        candidate=None,
        breaker=state.breaker.closed(version, now, f"{version} goes live", arrived.by),
    )
    return ServingChange(changed, (*moves, arrived))


def _ended(state: ServingState, reason: str, now: int) -> tuple[Transition, ...]:
    """The end of the trial that is going on, if one is."""
    candidate = state.candidate
    if candidate is None:
        return ()
    return (Transition(candidate.version, candidate.plan.mode, VersionStage.RETIRED, now, TRAINER, reason),)
