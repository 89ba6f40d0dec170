"""Decides what an operator's command changes: put a version live, approve, close the breaker, pin, unpin.

Pure, like `streams.versions.transitions`.
"""

from dataclasses import replace

from streams.errors import TransitionRefused
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import FOR_APPROVAL
from streams.versions.serving_state import Candidate, Pin, ServingChange, ServingState
from streams.versions.transitions import replace_live


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
        TransitionRefused: it is live and answers, waits for approval, or its stage does not allow it.
    """
    if state.candidate is not None and state.candidate.version == version:
        _check_not_waiting(state.candidate)
    active = state.active
    if active is not None and active.version == version:
        if not state.breaker.stops(version):
            raise TransitionRefused(f"{version} is live already")
        return close_breaker(state, by, reason, now)
    token = state.fence if active is None else active.token
    return replace_live(
        state, Transition(version, before, VersionStage.LIVE, now, by, reason), leaving, token
    )


def approve_version(state: ServingState, version: str, by: str, reason: str, now: int) -> ServingChange:
    """A person's approval: the version that waits for it goes live.

    Raises:
        TransitionRefused: it does not wait, the task is pinned, or the version is older than an alarm.
    """
    candidate = _waiting(state, version)
    if state.pin is not None:
        raise TransitionRefused(f"promotions are pinned, by {state.pin.by}: {state.pin.reason}; unpin first")
    if candidate.certify_from < state.certify_from:
        raise TransitionRefused(
            f"an alarm contradicts the traces that calibrate {version}: it can't go live any more; "
            "refuse it: the next refit knows of the alarm"
        )
    arrived = Transition(
        version, candidate.plan.mode, VersionStage.LIVE, now, by, f"approved by {by}: {reason}"
    )
    return replace_live(state, arrived, VersionStage.RETIRED, candidate.token)


def refuse_version(state: ServingState, version: str, by: str, reason: str, now: int) -> ServingChange:
    """A person's refusal: the version that waits for approval ends.

    Raises:
        TransitionRefused: it does not wait.
    """
    candidate = _waiting(state, version)
    ended = Transition(
        version, candidate.plan.mode, VersionStage.REFUSED, now, by, f"refused by {by}: {reason}"
    )
    return ServingChange(replace(state, candidate=None), (ended,))


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


def unpin_version(
    state: ServingState, by: str, reason: str, now: int, *, approval: bool = False
) -> ServingChange:
    """Promotions are free again, and a candidate that has waited for the pin alone goes live.

    One that waits for approval goes on waiting.

    Args:
        approval: it waits for a person's approval instead.

    Raises:
        TransitionRefused: there is no pin.
    """
    if state.pin is None:
        raise TransitionRefused("promotions are not pinned")
    free, candidate = replace(state, pin=None), state.candidate
    if candidate is None or candidate.plan.needs > 0 or candidate.waits_for_approval:
        return ServingChange(free)
    why = f"the pin is lifted: {reason}"
    if approval:
        move = Transition(candidate.version, candidate.plan.mode, VersionStage.APPROVAL, now, by, why)
        waiting = replace(candidate, plan=FOR_APPROVAL, since=now)
        return ServingChange(replace(free, candidate=waiting), (move,))
    arrived = Transition(candidate.version, candidate.plan.mode, VersionStage.LIVE, now, by, why)
    return replace_live(free, arrived, VersionStage.RETIRED, candidate.token)


def _waiting(state: ServingState, version: str) -> Candidate:
    """The candidate of that name that waits for approval; raises TransitionRefused where it does not."""
    candidate = state.candidate
    if candidate is None or not candidate.waits_for_approval:
        raise TransitionRefused("no version waits for approval")
    if candidate.version != version:
        raise TransitionRefused(f"{version} does not wait for approval: {candidate.version} does")
    return candidate


def _check_not_waiting(candidate: Candidate) -> None:
    """Raises TransitionRefused: the version waits for approval, which is given by name and with a reason."""
    if candidate.waits_for_approval:
        raise TransitionRefused(f"{candidate.version} waits for approval: use `policies approve`")
