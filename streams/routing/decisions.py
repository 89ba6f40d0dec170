"""Decides each request: answer it, or defer it with a reason. In doubt, defer.

The order of the checks is the contract: an operator's pause, the breaker, the guard, a new label, no policy,
no threshold, novelty, a removed label, a blocked label, a low score. A score or novelty that is not a number
defers.
"""

import logging
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.deferrals import expected_agreement
from models.errors import PolicyError
from models.features import Embed, Features
from models.policy import Scores
from schemas.messages import Guess, Reason
from streams.tasks import ServingPolicy, Task

log = logging.getLogger(__name__)

COUNTED = 200
"""Requests of a batch that the watch for drift counts, the first ones: their order says nothing, and counting
takes time."""

Opinion = tuple[Reason, Guess | None]
"""Whether one surrogate would answer a request, or why not; and its guess, where it made one."""


class Decision(NamedTuple):
    """Answers a request (reason `accepted`), or defers it.

    Attributes:
        guess, threshold: of the surrogate that decided.
        shadow: what the candidate would have answered; None where it would have deferred.
        vectors: of how many encoders the answer rests on the vectors, the first ones; None for all.
    """

    reason: Reason
    guess: Guess | None
    threshold: float | None
    shadow: Guess | None = None
    vectors: int | None = None


def decide(
    task: Task,
    rows: Features | None,
    count: int,
    by_canary: Sequence[bool] = (),
    embed: Embed | None = None,
) -> list[Decision]:
    """Decide the requests of one task together; no row's decision depends on its neighbours.

    Args:
        rows: features, a row a request; None where there are none.
        count: how many requests there are.
        by_canary: for each request whether the canary decides; empty where there is no canary.
        embed: makes the vectors of some rows, for a policy that asks for them; see `Policy.score`.
    """
    live, candidate = task.live, task.candidate
    stopped = stop_reason(task, live)
    threshold = live.threshold if live else None
    opinions = _opinions(task, live, rows, count, embed)
    if candidate is None:
        return [Decision(stopped or reason, guess, threshold) for reason, guess in opinions]
    candidate_stopped = stop_reason(task, candidate)
    return [
        Decision(
            candidate_stopped or second_reason if canary else stopped or reason,
            second_guess if canary else guess,
            candidate.threshold if canary else threshold,
            second_guess if second_reason is Reason.ACCEPTED else None,
        )
        for (reason, guess), (second_reason, second_guess), canary in zip(
            opinions,
            _opinions(task, candidate, rows, count, embed),
            by_canary or repeat(False, count),
            strict=True,
        )
    ]


def withdraw_stale(decisions: list[Decision], decided_on: Task, task: Task) -> list[Decision]:
    """The decisions that still hold: answers of a task that has changed since are deferred.

    Args:
        decided_on: the task's state that the decisions were made on.
        task: its state now.

    Returns:
        The same decisions; where config, policies, blocked labels, breaker or guard have changed, each
        accepted one as `operator` if the task is paused by now, as `unguarded` if nobody counts its audits,
        else as `breaker_open`. Where only a later encoder has closed or opened, an answer holds.
    """
    if task is decided_on or _decides_alike(task, decided_on):
        return decisions
    reason = Reason.UNGUARDED if task.unguarded else Reason.BREAKER_OPEN
    reason = Reason.OPERATOR if task.config.paused else reason
    hold = {
        count
        for count in {decision.vectors for decision in decisions}
        if count is not None and holds_early(decided_on, task, count)
    }
    return [
        decision._replace(reason=reason)
        if decision.reason is Reason.ACCEPTED and decision.vectors not in hold
        else decision
        for decision in decisions
    ]


def expected_agreement_of(task: Task, decision: Decision) -> float | None:
    """Probability with which the teacher agrees with a guess of too low a score; None for all else.

    None also where the fit has not said how such scores are to be read (`models.deferrals`).
    """
    guess = decision.guess
    if decision.reason is not Reason.LOW_SCORE or guess is None:
        return None
    for surrogate in (task.live, task.candidate):
        if surrogate and surrogate.version == guess.policy and surrogate.deferred_shift is not None:
            return expected_agreement(guess.score, surrogate.deferred_shift)
    return None


def _decides_alike(task: Task, other: Task) -> bool:
    return (task.config, task.live, task.candidate, task.breaker, task.unguarded, task.early) == (
        other.config,
        other.live,
        other.candidate,
        other.breaker,
        other.unguarded,
        other.early,
    )


def holds_early(before: Task, now: Task, vectors: int) -> bool:
    """Whether answers that rest on the vectors of the first so many encoders hold on a later state."""
    same = all(one is other for one, other in zip(before.parts[:vectors], now.parts[:vectors], strict=False))
    return same and (
        (before.config, before.candidate, before.breaker, before.unguarded, before.live or before.early)
        == (now.config, now.candidate, now.breaker, now.unguarded, now.live or now.early)
    )


def stop_reason(task: Task, surrogate: ServingPolicy | None) -> Reason | None:
    """The reason to defer whatever this surrogate says; None where it may answer."""
    if task.config.paused:
        return Reason.OPERATOR
    if task.breaker.stops(surrogate.version if surrogate else None):
        return Reason.BREAKER_OPEN
    if task.unguarded:
        return Reason.UNGUARDED
    return Reason.NEW_LABEL if surrogate is not None and surrogate.waits_for_labels else None


def _opinions(
    task: Task, surrogate: ServingPolicy | None, rows: Features | None, count: int, embed: Embed | None
) -> list[Opinion]:
    if surrogate is None or rows is None:
        return [(Reason.UNCERTIFIED if surrogate else Reason.NO_POLICY, None)] * count
    try:
        scores = surrogate.policy.score(rows, embed)
    except PolicyError:
        log.exception("policy failed, requests deferred: task=%s version=%s", task.name, surrogate.version)
        return [(Reason.UNCERTIFIED, None)] * count
    return guesses(surrogate, scores)


def guesses(surrogate: ServingPolicy, scores: Scores) -> list[Opinion]:
    """The surrogate's opinion of each row that it has scored."""
    manifest = surrogate.policy.manifest
    familiar = (scores.novelty <= manifest.novelty_limit).tolist()
    blocked = _mask(surrogate, surrogate.blocked, surrogate.policy.blocked)[scores.label].tolist()
    removed = _mask(surrogate, surrogate.removed)[scores.label].tolist()
    labels = [surrogate.labels[index] for index in scores.label.tolist()]
    return [
        (
            _reason(surrogate.threshold, is_familiar, is_removed, is_blocked, score),
            Guess(label=label, score=score, novelty=novelty, policy=manifest.version),
        )
        for label, score, novelty, is_familiar, is_removed, is_blocked in zip(
            labels, scores.score.tolist(), scores.novelty.tolist(), familiar, removed, blocked, strict=True
        )
    ]


def _mask(
    surrogate: ServingPolicy, named: frozenset[str], also: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Bool [labels]: the label is one of those named, or in `also`."""
    if not named:
        return np.zeros(len(surrogate.labels), dtype=np.bool_) if also is None else also
    mask = np.array([label in named for label in surrogate.labels], dtype=np.bool_)
    return mask if also is None else mask | also


def _reason(threshold: float | None, familiar: bool, removed: bool, blocked: bool, score: float) -> Reason:
    if threshold is None:
        return Reason.UNCERTIFIED
    if not familiar:
        return Reason.NOVEL
    if removed:
        return Reason.REMOVED_LABEL
    if blocked:
        return Reason.BLOCKED_LABEL
    return Reason.ACCEPTED if score >= threshold else Reason.LOW_SCORE
