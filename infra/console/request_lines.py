"""Explanation of one request for people and scripts: what became of it, and on which figures that rests."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from infra.serve.request_search import FoundRequest
from schemas.secrets import masked
from streams.dashboard.requests.reason_sentences import reason_words
from streams.dashboard.requests.request_outcome import (
    Outcome,
    RequestEvidence,
    given_label,
    outcome,
    outcome_sentence,
    stream_opinion,
)
from streams.status.sentences import local_time


@dataclass(frozen=True, slots=True)
class RequestExplanation:
    """What is known of a request.

    Attributes:
        outcome: `pending` while it waits for the teacher; `unknown` where a dead letter alone names it.
        label: that the client was given.
        source: who gave it; None while nobody has.
        reason: why the surrogate answered, or the teacher had to, in one word; `sentence` says it whole.
        version: of the policy that answered or guessed, with its `guess`, `score` and `novelty`.
        threshold: least score that was answered.
        audit: what the teacher says of an answer; None where it was not drawn.
        trace: whether a trace came of it, that refits learn from; `sampled`: it may also certify.
        requested_at, labelled_at, replied_at: Unix milliseconds; the last is the time of the trace's label.
        dead_letter: why and where it could not be processed.
    """

    task: str
    id: str
    outcome: Outcome
    sentence: str
    label: str | None
    source: str | None
    reason: str | None
    version: str | None
    guess: str | None
    score: float | None
    novelty: float | None
    threshold: float | None
    audit: str | None
    trace: bool
    sampled: bool | None
    requested_at: int | None
    labelled_at: int | None
    replied_at: int | None
    dead_letter: str | None


def explain_request(task: str, request: str, found: FoundRequest) -> RequestExplanation:
    """The explanation of a request of which something is known."""
    label, trace, deferral = found.label, found.trace, found.deferral
    evidence = RequestEvidence(label, deferral is not None, trace)
    then, asked = stream_opinion(evidence), trace or deferral
    guess = asked.guess if asked else None
    first = label or trace or deferral
    return RequestExplanation(
        task=task,
        id=request,
        outcome=outcome(evidence),
        sentence=_sentence(found, evidence),
        label=label.label if label else given_label(trace),
        source=label.source if label else _source(found),
        reason=(then.reason if then else deferral.reason if deferral else None),
        version=then.version if then else guess.policy if guess else None,
        guess=then.label if then else guess.label if guess else None,
        score=then.score if then else guess.score if guess else None,
        novelty=guess.novelty if guess else None,
        threshold=then.threshold if then else deferral.threshold if deferral else None,
        audit=_audit(found),
        trace=trace is not None,
        sampled=trace.sampled if trace else None,
        requested_at=first.requested_at if first else None,
        labelled_at=label.labelled_at if label else None,
        replied_at=trace.replied_at if trace else None,
        dead_letter=_letter(found),
    )


def request_lines(explained: RequestExplanation) -> Iterator[str]:
    """A line for each thing that is known."""
    yield f"{explained.id}, task {explained.task}"
    yield _entry("became", explained.sentence)
    if explained.label is not None:
        yield _entry("label", f"{explained.label} (by the {explained.source})")
    if explained.score is not None:
        least = "none passes the gate" if explained.threshold is None else f"{explained.threshold:.4f}"
        yield _entry("guess", f"{explained.guess or '?'} by {explained.version}")
        yield _entry("score", f"{explained.score:.4f}, threshold: {least}")
    yield _entry("audit", explained.audit or "not drawn: the teacher does not check an answer to it")
    yield _entry("trace", _trace_words(explained))
    for name, at in (
        ("asked", explained.requested_at),
        ("labelled", explained.labelled_at),
        ("replied", explained.replied_at),
    ):
        if at:
            took = at - (explained.requested_at or at)
            yield _entry(name, local_time(at) + (f", {took:,} ms later" if name != "asked" else ""))
    if explained.dead_letter is not None:
        yield _entry("failed", explained.dead_letter)


def explanation_report(explained: RequestExplanation) -> dict[str, Any]:
    """The same as JSON."""
    return asdict(explained)


def _sentence(found: FoundRequest, evidence: RequestEvidence) -> str:
    then, deferral = stream_opinion(evidence), found.deferral
    if then is None and deferral is not None:
        guess = deferral.guess
        why = reason_words(deferral.reason, guess.score if guess else None, deferral.threshold)
        return f"It was deferred, since {why}; it waits for the teacher's label."
    if then is None and found.letter is not None:
        return "It could not be processed, and is a dead letter."
    return outcome_sentence(evidence, then)


def _source(found: FoundRequest) -> str | None:
    if found.trace is None:
        return None
    return "surrogate" if found.trace.audit else "teacher"


def _audit(found: FoundRequest) -> str | None:
    """What became of the check of an answer; None where nobody checks it."""
    trace, guess = found.trace, found.trace.guess if found.trace else None
    if trace is not None and trace.audit and guess is not None:
        return f"the teacher {'agrees' if guess.label == trace.label else f'says {trace.label!r}'}"
    if found.failure is not None:
        return f"failed: {masked(found.failure.error)}"
    drawn = (found.label is not None and found.label.audited) or (found.deferral and found.deferral.audit)
    return "the teacher is asked, and has not replied yet" if drawn else None


def _letter(found: FoundRequest) -> str | None:
    letter = found.letter
    if letter is None:
        return None
    shown = f"`understudy dead-letters show {letter.position}`"
    return f"dead letter of `{letter.stage}`: {masked(letter.reason)} ({shown})"


def _trace_words(explained: RequestExplanation) -> str:
    if not explained.trace:
        return "none: refits learn nothing from it"
    return f"yes, {'in the sample: it may certify' if explained.sampled else 'and it only trains'}"


def _entry(name: str, text: str) -> str:
    return f"  {name:<11} {text}"
