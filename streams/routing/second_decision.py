"""Second decision: what waits for the teacher is decided again by what is live now, before it is paid for.

A policy may have come, or a better one, since a request was deferred. What it may answer it answers; the rest
is asked. Whoever decides last says whether the request is in the sample: before there was a policy all were,
now only those are that the audit draws. The draw depends on the id alone, so a request is in the sample, or
not, whatever the policy thinks of it: else those that the surrogate can't answer would be too many in it.

Audits and second questions are not decided again: they are about an answer that was given. Nor is what needs
an encoder's vector: the role `encode` has decided it with one, or there was none.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from schemas.messages import Deferral, Label, Reason
from streams.encoder_spec import encoder_spec
from streams.routing.decisions import decide
from streams.routing.features import request_features
from streams.routing.outcomes import deferral_of, surrogate_label
from streams.sampling import Sampler
from streams.tasks import Task

log = logging.getLogger(__name__)

_STOPPED = frozenset({Reason.BREAKER_OPEN, Reason.UNGUARDED, Reason.OPERATOR, Reason.NEW_LABEL})

Decider = tuple[str, float | None]
"""Version and threshold that decide."""


class SecondDecision(NamedTuple):
    """Attributes:
    label: of the surrogate; None where it may not answer.
    deferral: what the teacher is asked: the request, or a check of the label; None for an answer that the
        audit did not draw.
    """

    label: Label | None
    deferral: Deferral | None


def decider_of(task: Task) -> Decider | None:
    """What decides the task's requests now; None while all of them go to the teacher."""
    return None if task.live is None or task.answers_nothing else (task.live.version, task.live.threshold)


def decide_again(
    task: Task, deferrals: Sequence[Deferral], sampler: Sampler, now: int
) -> list[SecondDecision]:
    """A decision for each deferral of one task; the deferral as it is where nothing new can be said.

    Args:
        now: Unix milliseconds.
    """
    unchanged = [SecondDecision(None, deferral) for deferral in deferrals]
    places = [place for place, deferral in enumerate(deferrals) if _is_open(task, deferral)]
    rows = request_features([deferrals[place].request for place in places], task) if places else None
    if rows is None:
        return unchanged
    for place, decision in zip(places, decide(task, rows, len(places)), strict=True):
        deferral = deferrals[place]
        if decision.guess is None:
            continue
        request, asked_at = deferral.request, deferral.requested_at
        audited, answered = sampler.selects(request.id, task.audit_rate), decision.reason is Reason.ACCEPTED
        label = surrogate_label(request, decision, audited, asked_at, now) if answered else None
        again = deferral_of(request, decision, task, audited, asked_at, deferral.features)
        unchanged[place] = SecondDecision(label, again if audited or not answered else None)
    return unchanged


def _is_open(task: Task, deferral: Deferral) -> bool:
    """Whether another policy or threshold decides now than did then, or one that was stopped then."""
    if encoder_spec(task.config) is not None:
        return False
    if deferral.audit or deferral.first is not None or deferral.embedder != task.config.embedder:
        return False
    decider, guess = decider_of(task), deferral.guess
    if decider is None:
        return False
    return guess is None or deferral.reason in _STOPPED or (guess.policy, deferral.threshold) != decider
