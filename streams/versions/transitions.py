"""What is decided about a task's versions: each function takes the posture as it is and gives the one to be.

Nothing here reads or writes: `streams.state.registry` makes a change only if the posture is still the one
that it was decided on. So each decision may be repeated, and one that no longer applies changes nothing.
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
    posture: ServingState,
    version: str,
    token: int,
    plan: PromotionPlan,
    certify_from: int,
    reason: str,
    now: int,
) -> ServingChange:
    """A version that passed the offline gate goes live or on trial; while a pin holds, it waits in shadow.

    Args:
        certify_from: Unix milliseconds; it was certified on no older traces.

    Raises:
        MoveRefused: an alarm has spoken against such traces since.
    """
    if certify_from < posture.certify_from:
        raise TransitionRefused("an alarm was raised while it was fitted, against the traces that certify it")
    if posture.pin is not None and plan.mode is VersionStage.LIVE:
        plan, reason = PromotionPlan(VersionStage.SHADOW), f"{reason}; it waits for the pin to be lifted"
    arrived = Transition(version, None, plan.mode, now, TRAINER, reason)
    if plan.mode is VersionStage.LIVE:
        return replace_live(posture, arrived, VersionStage.RETIRED, token)
    after = replace(posture, candidate=Candidate(version, plan, token, now))
    return ServingChange(after, (*_ended(posture, f"{version} takes its place", now), arrived))


def after_alarm(
    posture: ServingState, version: str, restored: str | None, certify_from: int, reason: str, now: int
) -> ServingChange | None:
    """A version's alarm was raised: it answers no more. None where it answers no more already.

    What is on trial beside a live version that falls ends with it: its trial, too, is about what was before.
    A version that is not live may still answer at a worker that could not load what came after it, and where
    the registry was emptied at all of them: it alone is stopped then, and nothing else changes.

    Args:
        restored: a version whose own certificate stands, to take its place; without one the breaker opens.
        certify_from: Unix milliseconds; traces before it do not certify what comes next.
    """
    if not alarm_concerns(posture, version):
        return _stopped_elsewhere(posture, version, certify_from, now)
    candidate = posture.candidate
    if candidate is not None and candidate.version == version:
        fallen = Transition(version, candidate.plan.mode, VersionStage.ROLLED_BACK, now, CERTIFY, reason)
        return ServingChange(replace(posture, candidate=None), (fallen,))
    opened = replace(
        posture,
        breaker=posture.breaker.opened(version, now, reason, CERTIFY),
        certify_from=max(posture.certify_from, certify_from),
    )
    if restored is None or posture.active is None or restored in posture.breaker.against:
        return ServingChange(replace(opened, candidate=None), _ended(posture, f"the alarm of {version}", now))
    arrived = Transition(
        restored,
        VersionStage.RETIRED,
        VersionStage.LIVE,
        now,
        CERTIFY,
        f"{reason}; its own certificate stands",
    )
    return replace_live(opened, arrived, VersionStage.ROLLED_BACK, posture.active.token)


def _stopped_elsewhere(
    posture: ServingState, version: str, certify_from: int, now: int
) -> ServingChange | None:
    on_trial = posture.candidate is not None and posture.candidate.version == version
    if on_trial or posture.breaker.stops(version):
        return None
    since = posture.certify_from if posture.active else max(posture.certify_from, certify_from)
    breaker = posture.breaker.stopping(version, now)
    return ServingChange(replace(posture, breaker=breaker, certify_from=since))


def may_answer(posture: ServingState, version: str) -> bool:
    """Whether a version answers requests, or does for all that an emptied registry knows."""
    forgotten = posture.active is None and not posture.breaker.stops(version)
    return forgotten or alarm_concerns(posture, version)


def alarm_concerns(posture: ServingState, version: str) -> bool:
    """Whether a version answers requests, so that its alarm changes more than its own state."""
    if posture.candidate is not None and posture.candidate.version == version:
        return posture.candidate.plan.mode is VersionStage.CANARY
    answers = posture.active is not None and posture.active.version == version
    return answers and not posture.breaker.stops(version)


def put_live(
    posture: ServingState,
    version: str,
    before: VersionStage | None,
    leaving: VersionStage,
    by: str,
    reason: str,
    now: int,
) -> ServingChange:
    """An operator's word: `version` goes live, the breaker closes, and the live one becomes `leaving`.

    Raises:
        MoveRefused: it is live and answers, or its state does not allow it.
    """
    active = posture.active
    if active is not None and active.version == version:
        if not posture.breaker.stops(version):
            raise TransitionRefused(f"{version} is live already")
        return close_breaker(posture, by, reason, now)
    token = posture.fence if active is None else active.token
    return replace_live(
        posture, Transition(version, before, VersionStage.LIVE, now, by, reason), leaving, token
    )


def close_breaker(posture: ServingState, by: str, reason: str, now: int) -> ServingChange:
    """An operator's word: the live version answers again.

    Raises:
        MoveRefused: nothing stops it.
    """
    version = None if posture.active is None else posture.active.version
    if not posture.breaker.stops(version):
        raise TransitionRefused("the breaker is closed already")
    return ServingChange(replace(posture, breaker=posture.breaker.closed(version, now, reason, by)))


def pin_version(posture: ServingState, by: str, reason: str, now: int) -> ServingChange:
    """Nothing is promoted from now on; raises MoveRefused: so it is already."""
    if posture.pin is not None:
        raise TransitionRefused(f"promotions are pinned already, by {posture.pin.by}: {posture.pin.reason}")
    return ServingChange(replace(posture, pin=Pin(now, reason, by)))


def unpin_version(posture: ServingState, by: str, reason: str, now: int) -> ServingChange:
    """Promotions are free again, and one that has waited for nothing else goes live.

    Raises:
        MoveRefused: there is no pin.
    """
    if posture.pin is None:
        raise TransitionRefused("promotions are not pinned")
    free, candidate = replace(posture, pin=None), posture.candidate
    if candidate is None or candidate.plan.needs > 0:
        return ServingChange(free)
    arrived = Transition(
        candidate.version, candidate.plan.mode, VersionStage.LIVE, now, by, f"the pin is lifted: {reason}"
    )
    return replace_live(free, arrived, VersionStage.RETIRED, candidate.token)


def restorable_versions(
    posture: ServingState, kept: Sequence[str], states: Mapping[str, VersionStage]
) -> list[str]:
    """The versions that were live before and were never stopped, newest first.

    Args:
        kept: versions whose files are there, oldest first.
        states: that each version is in, where that is known.
    """
    against = posture.breaker.against
    return [
        version
        for version in reversed(kept)
        if states.get(version) is VersionStage.RETIRED and version not in against
    ]


def replace_live(
    posture: ServingState, arrived: Transition, leaving: VersionStage, token: int
) -> ServingChange:
    """`arrived` takes the place of the live version and ends every trial; the breaker closes with it.

    Args:
        leaving: what the live version becomes, unless an alarm has stopped it.
        token: fencing token of the new live version.
    """
    active, version, now = posture.active, arrived.version, arrived.at
    why, moves = f"{version} takes its place", list[Transition]()
    if active is not None and active.version != version:
        after = VersionStage.ROLLED_BACK if posture.breaker.stops(active.version) else leaving
        moves.append(Transition(active.version, VersionStage.LIVE, after, now, arrived.by, why))
    if posture.candidate is not None and posture.candidate.version != version:
        moves += _ended(posture, why, now)
    changed = replace(
        posture,
        active=ActiveVersion(version, token, now),
        candidate=None,
        breaker=posture.breaker.closed(version, now, f"{version} goes live", arrived.by),
    )
    return ServingChange(changed, (*moves, arrived))


def _ended(posture: ServingState, reason: str, now: int) -> tuple[Transition, ...]:
    """The end of the trial that is going on, if one is."""
    candidate = posture.candidate
    if candidate is None:
        return ()
    return (Transition(candidate.version, candidate.plan.mode, VersionStage.RETIRED, now, TRAINER, reason),)
