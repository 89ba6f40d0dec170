"""Decides what an alarm stops: the breaker opens, or a certified version takes over; and who may answer then.

Pure, like `streams.versions.transitions`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from streams.versions.lifecycle import Transition, VersionStage, replaced_versions
from streams.versions.serving_state import ServingChange, ServingState
from streams.versions.transitions import CERTIFY, replace_live, trial_end


def after_alarm(
    state: ServingState, version: str, restored: str | None, certify_from: int, reason: str, now: int
) -> ServingChange | None:
    """Stops a version whose alarm was raised; None where it is stopped already.

    One that waits for approval may have answered as a canary: it is refused, so that nobody approves it.

    When a live version is stopped, a trial in progress ends: it, too, is about the traffic from before. A
    version that is not live may still answer at a worker that could not load a later one, and at all workers
    where the registry was emptied: then that version alone is stopped, and nothing else changes.

    Args:
        restored: a certified version to take its place; without one the breaker opens.
        certify_from: Unix milliseconds; older traces do not calibrate the next version.
    """
    candidate = state.candidate
    if candidate is not None and candidate.version == version and candidate.waits_for_approval:
        refused = Transition(version, candidate.plan.mode, VersionStage.REFUSED, now, CERTIFY, reason)
        return ServingChange(replace(state, candidate=None), (refused,))
    if not alarm_concerns(state, version):
        return _stopped_elsewhere(state, version, certify_from, now)
    if candidate is not None and candidate.version == version:
        fallen = Transition(version, candidate.plan.mode, VersionStage.ROLLED_BACK, now, CERTIFY, reason)
        return ServingChange(replace(state, candidate=None), (fallen,))
    opened = replace(
        state,
        breaker=state.breaker.opened(version, now, reason, CERTIFY),
        certify_from=max(state.certify_from, certify_from),
    )
    if restored is None or state.active is None or restored in state.breaker.against:
        return ServingChange(
            replace(opened, candidate=None), trial_end(state, f"the alarm of {version}", now)
        )
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


def restorable_versions(state: ServingState, kept: Sequence[str], history: Iterable[Transition]) -> list[str]:
    """The versions that were live before and were never stopped, newest first.

    Args:
        kept: versions whose files are there, oldest first.
        history: of the task's versions, in order.
    """
    were_live = replaced_versions(history) - set(state.breaker.against)
    return [version for version in reversed(kept) if version in were_live]
