"""Request view: what became of one request and why, and what would become of it now."""

import shlex
from collections.abc import Sequence

from msgspec import Struct

from schemas.messages import Embedding, Request, RequestId
from schemas.secrets import masked
from streams.dashboard.requests.dry_run import DryRun
from streams.dashboard.requests.newest_traces import MOST
from streams.dashboard.requests.opinion_view import OpinionView, difference_sentence, opinion_view
from streams.dashboard.requests.request_outcome import (
    Outcome,
    RequestEvidence,
    given_label,
    outcome,
    outcome_sentence,
    stream_opinion,
)
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

    said: Outcome
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
    trace, then, advice = found.trace, stream_opinion(found), _advice(task, call, found)
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
        said=outcome(found),
        sentence=outcome_sentence(found, then),
        label=found.label.label if found.label else given_label(trace),
        at=found.label.labelled_at if found.label else trace.replied_at if trace else None,
        then=then,
        now=now,
        difference=difference,
        text=masked(trace.text) if trace and trace.text is not None else None,
        teacher=trace.label if trace else None,
        advice=advice,
    )


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
