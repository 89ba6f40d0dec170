"""Decides what an operator's command changes: put a version live, close the breaker, pin, unpin.

Pure, like `streams.versions.transitions`.
"""

from dataclasses import replace

from streams.errors import TransitionRefused
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.serving_state import Pin, ServingChange, ServingState
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
