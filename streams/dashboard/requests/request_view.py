"""Request view: what became of one request and why, and what would become of it now."""

import shlex
from collections.abc import Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.messages import Embedding, Label, Reason, Request, RequestId, Trace
from schemas.secrets import masked
from streams.dashboard.requests.dry_run import DryRun
from streams.dashboard.requests.newest_traces import MOST
from streams.dashboard.requests.opinion_view import OpinionView, difference_sentence, opinion_view
from streams.dashboard.requests.reason_sentences import reason_words
from streams.errors import DryRunFailed, StateUnavailable

_SAME = 1e-3
"""Scores of one graph for one text differ by less."""


class RequestCall(Struct, frozen=True):
    """Body of the call.

    Attributes:
        text, embedding: of the request, where the person has them.
        search: look for its trace among the newest.
    """

    id: RequestId
    text: str | None = None
    embedding: Embedding | None = None
    search: bool = False


class RequestEvidence(NamedTuple):
    """What is at hand of a request.

    Attributes:
        label: that the gateway remembers; None where it remembers none.
        pending: the gateway waits for it.
        trace: None where it was not looked for, or not found.
    """

    label: Label | None
    pending: bool
    trace: Trace | None


class RequestView(Struct, frozen=True):
    """What is known of a request.

    Attributes:
        sentence: what became of it, and why.
        label: that the client has got; None where it has none, or nobody here knows.
        at: Unix milliseconds of its label.
        then: what the stream said of it.
        now: what would become of it now; None while its text is not at hand.
        difference: between the two, in a sentence.
        text: of its trace, where that was found.
        teacher: label that the teacher gave, as the trace has it.
        advice: what else may be done, each with a command, which may be empty.
    """

    said: Literal["labelled", "failed", "pending", "unknown"]
    sentence: str
    label: str | None = None
    at: int | None = None
    then: OpinionView | None = None
    now: OpinionView | None = None
    difference: str = ""
    text: str | None = None
    teacher: str | None = None
    advice: Sequence[tuple[str, str]] = ()


async def request_view(dry_run: DryRun, task: str, call: RequestCall, found: RequestEvidence) -> RequestView:
    """The view of a request. Raises HttpProblem: its text can't be masked."""
    trace, then, advice = found.trace, _then(found), _advice(task, call, found)
    text, embedding = (call.text, call.embedding) if trace is None else (trace.text, trace.features)
    now, difference = None, ""
    if text is not None or embedding is not None:
        request = dry_run.request(task, text, embedding)
        try:
            now = opinion_view(await dry_run.live(request))
        except DryRunFailed as error:
            advice.append((f"It can't be scored now: {error}.", ""))
        if now is not None and then is not None:
            difference = difference_sentence(then, now)
            if trace is None and (doubt := await _doubt(dry_run, request, then)):
                advice.append((doubt, ""))
    return RequestView(
        said=_said(found),
        sentence=_sentence(found, then),
        label=found.label.label if found.label else _given(trace),
        at=found.label.labelled_at if found.label else trace.replied_at if trace else None,
        then=then,
        now=now,
        difference=difference,
        text=masked(trace.text) if trace and trace.text is not None else None,
        teacher=trace.label if trace else None,
        advice=advice,
    )


def _then(found: RequestEvidence) -> OpinionView | None:
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


def _said(found: RequestEvidence) -> Literal["labelled", "failed", "pending", "unknown"]:
    if found.label is not None:
        return "failed" if found.label.source == "error" else "labelled"
    if found.trace is not None:
        return "labelled"
    return "pending" if found.pending else "unknown"


def _sentence(found: RequestEvidence, then: OpinionView | None) -> str:
    if then is None:
        return "It waits for the teacher's label." if found.pending else "Nothing is at hand of this request."
    why = reason_words(then.reason, then.score, then.threshold)
    label = found.label
    if then.answered:
        checked = "; the teacher checks it" if label and label.audited else ""
        return f"{then.version} answered it with {then.label!r}, since {why}{checked}."
    if label is not None and label.source == "error":
        return f"It was deferred, since {why}; the teacher gave no label: {masked(label.error or '')}"
    given = label.label if label else _given(found.trace)
    return f"It was deferred, since {why}; the teacher's label is {given!r}."


def _given(trace: Trace | None) -> str | None:
    """The label that the client has got, as a trace has it."""
    if trace is None:
        return None
    return trace.guess.label if trace.audit and trace.guess else trace.label


async def _doubt(dry_run: DryRun, request: Request, then: OpinionView) -> str:
    """Why the text that was given is not the one that was scored then; empty where nothing says so."""
    if then.version is None or then.score is None:
        return ""
    try:
        again = await dry_run.version(request, then.version)
    except (DryRunFailed, StateUnavailable):
        return ""
    guess = again.guess if again else None
    if guess is None or abs(guess.score - then.score) < _SAME:
        return ""
    return (
        f"{then.version} gives this text a score of {guess.score:.4f}, and it was {then.score:.4f} then: "
        "this is another text, or the mask or the encoder has changed."
    )


def _advice(task: str, call: RequestCall, found: RequestEvidence) -> list[tuple[str, str]]:
    advice, name = list[tuple[str, str]](), shlex.quote(call.id)
    if found.label is None and found.trace is None and not found.pending:
        advice += [
            (
                "The gateway keeps the newest labels in memory; the topic of labels has them for 7 days:",
                f"understudy consume labels --from-start --no-follow | grep -F -- {name}",
            ),
            (
                "A request that could not be processed is a dead letter:",
                f"understudy dead-letters list --task {task}",
            ),
        ]
    if call.search and found.trace is None:
        advice.append(
            (
                f"It is not among the newest {MOST:,} traces; an answer that was not audited leaves none:",
                f"understudy consume traces --from-start --no-follow | grep -F -- {name}",
            )
        )
    return advice
