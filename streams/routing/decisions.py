"""What becomes of a request: answered, or deferred and why. Whatever argues for deferring wins.

The order of the checks is the contract: an operator's pause, the breaker, no policy, no threshold, novelty, a
blocked label, a low score. What is not a number argues for deferring.
"""

import logging
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import PolicyError
from models.features import Features
from models.policy import Embed, Policy, Scores
from schemas.messages import Guess, Reason
from streams.tasks import ServingPolicy, Task

log = logging.getLogger(__name__)


Opinion = tuple[Reason, Guess | None]
"""What one surrogate would do with a request, and its guess where it made one."""


class Decision(NamedTuple):
    """What becomes of a request.

    Attributes:
        guess, threshold: of the surrogate that decided.
        shadow: what the candidate would have answered; None where it would have deferred.
    """

    reason: Reason
    guess: Guess | None
    threshold: float | None
    shadow: Guess | None = None


def decide(
    task: Task,
    rows: Features | None,
    count: int,
    allotted: Sequence[bool] = (),
    embed: Embed | None = None,
) -> list[Decision]:
    """Score the requests of one task together; no row's verdict depends on its neighbours.

    Args:
        rows: what the surrogates read, a row a request; None where that is not known.
        count: how many requests there are.
        allotted: for each request whether a canary decides; empty where none does.
        embed: makes the vectors of some rows, for a policy that asks for them; see `Policy.score`.
    """
    live = task.live
    stopped = _stopped(task, live)
    threshold = live.threshold if live else None
    opinions_of_live = _asked(task, live, rows, count, embed)
    if task.candidate is None:
        return [Decision(stopped or reason, guess, threshold) for reason, guess in opinions_of_live]
    tried = _stopped(task, task.candidate)
    return [
        Decision(
            tried or second if by_canary else stopped or first,
            other_guess if by_canary else guess,
            task.candidate.threshold if by_canary else threshold,
            other_guess if second is Reason.ACCEPTED else None,
        )
        for (first, guess), (second, other_guess), by_canary in zip(
            opinions_of_live,
            _asked(task, task.candidate, rows, count, embed),
            allotted or repeat(False, count),
            strict=True,
        )
    ]


def _stopped(task: Task, surrogate: ServingPolicy | None) -> Reason | None:
    """Why nothing that this surrogate says is an answer, whatever it says."""
    if task.config.paused:
        return Reason.OPERATOR
    return Reason.BREAKER_OPEN if task.breaker.stops(surrogate.version if surrogate else None) else None


def _asked(
    task: Task, surrogate: ServingPolicy | None, rows: Features | None, count: int, embed: Embed | None
) -> list[Opinion]:
    if surrogate is None or rows is None:
        return [(Reason.UNCERTIFIED if surrogate else Reason.NO_POLICY, None)] * count
    try:
        scores = surrogate.policy.score(rows, embed)
    except PolicyError:
        log.exception("policy %s of task %s failed: deferring", surrogate.version, task.name)
        return [(Reason.UNCERTIFIED, None)] * count
    return guesses(surrogate, scores)


def guesses(surrogate: ServingPolicy, scores: Scores) -> list[Opinion]:
    """What the surrogate would do with each row that it has scored."""
    manifest = surrogate.policy.manifest
    familiar = (scores.novelty <= manifest.novelty_limit).tolist()
    blocked = _blocked(surrogate)[scores.label].tolist()
    labels = [manifest.labels[index] for index in scores.label.tolist()]
    return [
        (
            _reason(surrogate.threshold, known, barred, score),
            Guess(label=label, score=score, novelty=novelty, policy=manifest.version),
        )
        for label, score, novelty, known, barred in zip(
            labels, scores.score.tolist(), scores.novelty.tolist(), familiar, blocked, strict=True
        )
    ]


def _blocked(surrogate: ServingPolicy) -> NDArray[np.bool_]:
    """Bool [labels]: not to be answered, for what the fit found or for what audits have proved since."""
    policy: Policy = surrogate.policy
    if not surrogate.blocked:
        return policy.blocked
    proved = np.array([label in surrogate.blocked for label in policy.manifest.labels], dtype=np.bool_)
    return policy.blocked | proved


def _reason(threshold: float | None, familiar: bool, blocked: bool, score: float) -> Reason:
    if threshold is None:
        return Reason.UNCERTIFIED
    if not familiar:
        return Reason.NOVEL
    if blocked:
        return Reason.BLOCKED_LABEL
    return Reason.ACCEPTED if score >= threshold else Reason.LOW_SCORE
