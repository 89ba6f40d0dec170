"""What comes of a decision: the surrogate's label, or the deferral that asks the teacher, and its label."""

from collections.abc import Mapping

from schemas.messages import Deferral, Label, Reason, Reply, Request
from streams.routing.decisions import Decision, expected_agreement_of
from streams.tasks import Task


def surrogate_label(
    request: Request, decision: Decision, audited: bool, requested_at: int, now: int
) -> Label:
    """The label of a request that the surrogate answers."""
    guess = decision.guess
    return Label(
        id=request.id,
        task=request.task,
        label=guess.label if guess else None,
        source="surrogate",
        reason=decision.reason,
        requested_at=requested_at,
        labelled_at=now,
        score=guess.score if guess else None,
        threshold=decision.threshold,
        policy=guess.policy if guess else None,
        audited=audited,
        metadata=request.metadata,
    )


def deferral_of(
    request: Request,
    decision: Decision,
    task: Task,
    audited: bool,
    requested_at: int,
    features: bytes | None,
    *,
    drawn: bool = False,
) -> Deferral:
    """What the teacher is asked: to answer a request, or to check the surrogate's answer.

    Args:
        audited: whether the audit drew the request. It is sampled then, as is all while nothing is answered.
        features: vector that an encoder has made of the text.
        drawn: only the audit puts a request in the sample, since others are answered, although `task` answers
            nothing.
    """
    answered, sampled = decision.reason is Reason.ACCEPTED, audited or (task.answers_nothing and not drawn)
    return Deferral(
        request=request,
        reason=Reason.AUDIT if answered else decision.reason,
        audit=answered,
        sampled=sampled,
        embedder=task.config.embedder,
        requested_at=requested_at,
        guess=decision.guess,
        threshold=decision.threshold,
        inclusion=task.audit_rate if drawn else task.inclusion,
        shadow=decision.shadow if sampled else None,
        features=features,
        encoder=task.embedder.id if task.embedder and features else None,
        expected=expected_agreement_of(task, decision),
    )


def teacher_label(reply: Reply, now: int, renamed: Mapping[str, str], supersedes: bool = False) -> Label:
    """The client's answer: the teacher's label by its name of today, or an error.

    Args:
        renamed: new names of labels, by their old ones.
        supersedes: an error was sent before.
    """
    deferral = reply.deferral
    return Label(
        id=deferral.request.id,
        task=deferral.request.task,
        label=None if reply.label is None else renamed.get(reply.label, reply.label),
        source="teacher" if reply.error is None else "error",
        reason=deferral.reason,
        requested_at=deferral.requested_at,
        labelled_at=now,
        score=deferral.guess.score if deferral.guess else None,
        threshold=deferral.threshold,
        policy=deferral.guess.policy if deferral.guess else None,
        error=reply.error,
        metadata=deferral.request.metadata,
        supersedes=supersedes,
    )
