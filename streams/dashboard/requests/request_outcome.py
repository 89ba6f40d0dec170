"""Request outcome: what became of one request and why, by the label and the trace that are at hand of it."""

from typing import Literal, NamedTuple

from schemas.messages import Label, Reason, Trace
from schemas.secrets import masked
from streams.dashboard.requests.opinion_view import OpinionView
from streams.dashboard.requests.reason_sentences import reason_words

Outcome = Literal["labelled", "failed", "pending", "unknown"]


class RequestEvidence(NamedTuple):
    """What is at hand of a request.

    Attributes:
        label: that the client was given; None where none is known.
        pending: it is waited for.
        trace: None where it was not looked for, or not found.
    """

    label: Label | None
    pending: bool
    trace: Trace | None


def stream_opinion(found: RequestEvidence) -> OpinionView | None:
    """What the stream said of the request, as its label or its trace has it."""
    label, trace = found.label, found.trace
    guess = trace.guess if trace else None
    if label is not None:
        answered, reason = label.source == "surrogate", label.reason
        score, threshold, version = label.score, label.threshold, label.policy
    elif trace is not None:
        answered, reason = trace.audit, Reason.ACCEPTED if trace.checks_answer else trace.reason
        score, threshold = guess.score if guess else None, trace.threshold
        version = guess.policy if guess else None
    else:
        return None
    why = reason_words(reason, score, threshold)
    return OpinionView(
        version=version,
        answered=answered,
        reason=reason,
        sentence=f"{'Answered' if answered else 'Deferred to the teacher'}: {why}.",
        label=guess.label if guess else label.label if label and answered else None,
        score=score,
        threshold=threshold,
        novelty=guess.novelty if guess else None,
    )


def outcome(found: RequestEvidence) -> Outcome:
    """What became of the request."""
    if found.label is not None:
        return "failed" if found.label.source == "error" else "labelled"
    if found.trace is not None:
        return "labelled"
    return "pending" if found.pending else "unknown"


def outcome_sentence(found: RequestEvidence, then: OpinionView | None) -> str:
    """What became of the request, and why; `then` is what the stream said of it."""
    if then is None:
        return "It waits for the teacher's label." if found.pending else "Nothing is at hand of this request."
    why = reason_words(then.reason, then.score, then.threshold)
    label = found.label
    if then.answered:
        checked = "; the teacher checks it" if label and label.audited else ""
        return f"{then.version} answered it with {then.label!r}, since {why}{checked}."
    if label is not None and label.source == "error":
        return f"It was deferred, since {why}; the teacher gave no label: {masked(label.error or '')}"
    given = label.label if label else given_label(found.trace)
    return f"It was deferred, since {why}; the teacher's label is {given!r}."


def given_label(trace: Trace | None) -> str | None:
    """The label that the client has got, as a trace has it."""
    if trace is None:
        return None
    return trace.guess.label if trace.audit and trace.guess else trace.label
