"""What is decided about a task's versions: each function takes the posture as it is and gives the one to be.

Nothing here reads or writes: `streams.state.registry` makes a change only if the posture is still the one
that it was decided on. So each decision may be repeated, and one that no longer applies changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from models.binomial import shortfall
from streams.certify.evidence import Counts
from streams.errors import MoveRefused
from streams.versions.lifecycle import Move, State
from streams.versions.serving_state import Active, Candidate, Change, Pin, Plan, Posture

TRAINER, CERTIFY = "trainer", "certify"


def published(
    posture: Posture, version: str, token: int, plan: Plan, certify_from: int, reason: str, now: int
) -> Change:
    """A version that passed the offline gate goes live or on trial; while a pin holds, it waits in shadow.

    Args:
        certify_from: Unix milliseconds; it was certified on no older traces.

    Raises:
        MoveRefused: an alarm has spoken against such traces since.
    """
    if certify_from < posture.certify_from:
        raise MoveRefused("an alarm was raised while it was fitted, against the traces that certify it")
    if posture.pin is not None and plan.mode is State.LIVE:
        plan, reason = Plan(State.SHADOW), f"{reason}; it waits for the pin to be lifted"
    arrived = Move(version, None, plan.mode, now, TRAINER, reason)
    if plan.mode is State.LIVE:
        return _live(posture, arrived, State.RETIRED, token)
    after = replace(posture, candidate=Candidate(version, plan, token, now))
    return Change(after, (*_ended(posture, f"{version} takes its place", now), arrived))


def alarmed(
    posture: Posture, version: str, restored: str | None, certify_from: int, reason: str, now: int
) -> Change | None:
    """A version's alarm was raised: it answers no more. None where it answers no more already.

    What is on trial beside a live version that falls ends with it: its trial, too, is about what was before.
    A version that is not live may still answer at a worker that could not load what came after it, and where
    the registry was emptied at all of them: it alone is stopped then, and nothing else changes.

    Args:
        restored: a version whose own certificate stands, to take its place; without one the breaker opens.
        certify_from: Unix milliseconds; traces before it do not certify what comes next.
    """
    if not concerns(posture, version):
        return _stopped_elsewhere(posture, version, certify_from, now)
    candidate = posture.candidate
    if candidate is not None and candidate.version == version:
        fallen = Move(version, candidate.plan.mode, State.ROLLED_BACK, now, CERTIFY, reason)
        return Change(replace(posture, candidate=None), (fallen,))
    opened = replace(
        posture,
        breaker=posture.breaker.opened(version, now, reason, CERTIFY),
        certify_from=max(posture.certify_from, certify_from),
    )
    if restored is None or posture.active is None or restored in posture.breaker.against:
        return Change(replace(opened, candidate=None), _ended(posture, f"the alarm of {version}", now))
    arrived = Move(restored, State.RETIRED, State.LIVE, now, CERTIFY, f"{reason}; its own certificate stands")
    return _live(opened, arrived, State.ROLLED_BACK, posture.active.token)


def _stopped_elsewhere(posture: Posture, version: str, certify_from: int, now: int) -> Change | None:
    on_trial = posture.candidate is not None and posture.candidate.version == version
    if on_trial or posture.breaker.stops(version):
        return None
    since = posture.certify_from if posture.active else max(posture.certify_from, certify_from)
    breaker = posture.breaker.stopping(version, now)
    return Change(replace(posture, breaker=breaker, certify_from=since))


def may_answer(posture: Posture, version: str) -> bool:
    """Whether a version answers requests, or does for all that an emptied registry knows."""
    forgotten = posture.active is None and not posture.breaker.stops(version)
    return forgotten or concerns(posture, version)


def concerns(posture: Posture, version: str) -> bool:
    """Whether a version answers requests, so that its alarm changes more than its own state."""
    if posture.candidate is not None and posture.candidate.version == version:
        return posture.candidate.plan.mode is State.CANARY
    answers = posture.active is not None and posture.active.version == version
    return answers and not posture.breaker.stops(version)


def concluded(
    posture: Posture, version: str, trial: Counts, target: float, delta: float, now: int
) -> Change | None:
    """What a trial comes to; None while it goes on, or a pin holds.

    It is judged by an exact binomial test once it has all the answers that it takes: the candidate fails
    where agreement at the target would give so few agreements with a probability below `delta`.
    """
    candidate = posture.candidate
    if candidate is None or candidate.version != version or posture.pin is not None:
        return None
    if trial.audits < candidate.plan.needs:
        return None
    told = f"{trial.agreements} of {trial.audits} answers on trial agree"
    mode = candidate.plan.mode
    if shortfall(trial.agreements, trial.audits, target) < delta:
        after = State.REFUSED if mode is State.SHADOW else State.ROLLED_BACK
        failed = Move(version, mode, after, now, CERTIFY, f"{told}: below {target:g}")
        return Change(replace(posture, candidate=None), (failed,))
    passed = Move(version, mode, State.LIVE, now, CERTIFY, f"{told}: not below {target:g}")
    return _live(posture, passed, State.RETIRED, candidate.token)


def put_live(
    posture: Posture, version: str, before: State | None, leaving: State, by: str, reason: str, now: int
) -> Change:
    """An operator's word: `version` goes live, the breaker closes, and the live one becomes `leaving`.

    Raises:
        MoveRefused: it is live and answers, or its state does not allow it.
    """
    active = posture.active
    if active is not None and active.version == version:
        if not posture.breaker.stops(version):
            raise MoveRefused(f"{version} is live already")
        return close_breaker(posture, by, reason, now)
    token = posture.fence if active is None else active.token
    return _live(posture, Move(version, before, State.LIVE, now, by, reason), leaving, token)


def close_breaker(posture: Posture, by: str, reason: str, now: int) -> Change:
    """An operator's word: the live version answers again.

    Raises:
        MoveRefused: nothing stops it.
    """
    version = None if posture.active is None else posture.active.version
    if not posture.breaker.stops(version):
        raise MoveRefused("the breaker is closed already")
    return Change(replace(posture, breaker=posture.breaker.closed(version, now, reason, by)))


def pinned(posture: Posture, by: str, reason: str, now: int) -> Change:
    """Nothing is promoted from now on; raises MoveRefused: so it is already."""
    if posture.pin is not None:
        raise MoveRefused(f"promotions are pinned already, by {posture.pin.by}: {posture.pin.reason}")
    return Change(replace(posture, pin=Pin(now, reason, by)))


def unpinned(posture: Posture, by: str, reason: str, now: int) -> Change:
    """Promotions are free again, and one that has waited for nothing else goes live.

    Raises:
        MoveRefused: there is no pin.
    """
    if posture.pin is None:
        raise MoveRefused("promotions are not pinned")
    free, candidate = replace(posture, pin=None), posture.candidate
    if candidate is None or candidate.plan.needs > 0:
        return Change(free)
    arrived = Move(
        candidate.version, candidate.plan.mode, State.LIVE, now, by, f"the pin is lifted: {reason}"
    )
    return _live(free, arrived, State.RETIRED, candidate.token)


def restorable(posture: Posture, kept: Sequence[str], states: Mapping[str, State]) -> list[str]:
    """The versions that were live before and were never stopped, newest first.

    Args:
        kept: versions whose files are there, oldest first.
        states: that each version is in, where that is known.
    """
    against = posture.breaker.against
    return [
        version
        for version in reversed(kept)
        if states.get(version) is State.RETIRED and version not in against
    ]


def _live(posture: Posture, arrived: Move, leaving: State, token: int) -> Change:
    """`arrived` takes the place of the live version and ends every trial; the breaker closes with it."""
    active, version, now = posture.active, arrived.version, arrived.at
    why, moves = f"{version} takes its place", list[Move]()
    if active is not None and active.version != version:
        after = State.ROLLED_BACK if posture.breaker.stops(active.version) else leaving
        moves.append(Move(active.version, State.LIVE, after, now, arrived.by, why))
    if posture.candidate is not None and posture.candidate.version != version:
        moves += _ended(posture, why, now)
    changed = replace(
        posture,
        active=Active(version, token, now),
        candidate=None,
        breaker=posture.breaker.closed(version, now, f"{version} goes live", arrived.by),
    )
    return Change(changed, (*moves, arrived))


def _ended(posture: Posture, reason: str, now: int) -> tuple[Move, ...]:
    """The end of the trial that is going on, if one is."""
    candidate = posture.candidate
    if candidate is None:
        return ()
    return (Move(candidate.version, candidate.plan.mode, State.RETIRED, now, TRAINER, reason),)
