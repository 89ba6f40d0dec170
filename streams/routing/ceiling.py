"""Answers requests that need the teacher once a limit of the day is reached, as the operator chooses.

`teacher.at_ceiling` is the choice. The surrogate's guess is given only where nothing speaks against it but
its own score: no operator, breaker or block stops it. It is outside the guarantee, so no certificate and no
alarm counts it. A request that the audit drew is labelled by the teacher later all the same, so that the
sample of the traffic loses nothing by it.
"""

from typing import NamedTuple

from msgspec.structs import replace

from schemas.messages import Deferral, Guess, Label, Reason, Reply
from streams.tasks import ServingPolicy, Task

_UNSURE = frozenset({Reason.LOW_SCORE, Reason.NOVEL, Reason.UNCERTIFIED})


class CeilingAnswer(NamedTuple):
    """Attributes:
    label: the surrogate's guess, or None.
    reply: the error, or None.
    later: what the teacher is asked all the same, among the audits; None for what the audit did not draw.
    """

    label: Label | None
    reply: Reply | None
    later: Deferral | None


def answer_at_ceiling(task: Task, deferral: Deferral, why: str, now: int) -> CeilingAnswer | None:
    """The answer without a call; None where the request waits.

    Args:
        why: which limit is reached.
        now: Unix milliseconds.
    """
    choice = task.config.teacher.at_ceiling
    if choice == "wait" or deferral.audit or deferral.first is not None:
        return None
    later = _asked_later(deferral)
    if choice == "error":
        refused = replace(deferral, reason=Reason.BUDGET)
        return CeilingAnswer(None, Reply(refused, error=why, gave_up=True), later)
    guess = deferral.guess
    if guess is None or not _may_be_given(task, deferral, guess):
        return None
    return CeilingAnswer(_guessed_label(deferral, guess, later is not None, now), None, later)


def _may_be_given(task: Task, deferral: Deferral, guess: Guess) -> bool:
    if deferral.reason not in _UNSURE or task.config.paused or task.breaker.stops(guess.policy):
        return False
    return any(
        surrogate.version == guess.policy and guess.label not in _stopped_labels(surrogate)
        for surrogate in (task.live, task.candidate)
        if surrogate is not None
    )


def _stopped_labels(surrogate: ServingPolicy) -> set[str]:
    """Labels that it may not answer with."""
    by_fit = zip(surrogate.labels, surrogate.policy.blocked.tolist(), strict=True)
    return {*surrogate.blocked, *surrogate.removed, *(label for label, blocked in by_fit if blocked)}


def _asked_later(deferral: Deferral) -> Deferral | None:
    """While nothing is answered, all requests are in the sample: what is not asked then is no bias."""
    drawn = deferral.sampled and deferral.inclusion is not None and deferral.inclusion < 1.0
    return replace(deferral, reason=Reason.BUDGET, audit=True) if drawn and deferral.guess else None


def _guessed_label(deferral: Deferral, guess: Guess, audited: bool, now: int) -> Label:
    request = deferral.request
    return Label(
        id=request.id,
        task=request.task,
        label=guess.label,
        source="surrogate",
        reason=Reason.BUDGET,
        requested_at=deferral.requested_at,
        labelled_at=now,
        score=guess.score,
        threshold=deferral.threshold,
        policy=guess.policy,
        audited=audited,
        metadata=request.metadata,
    )
