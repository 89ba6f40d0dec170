"""Deferred requests and dead letters of a task, as rows: what a person needs to see why, and no more.

Texts are cut, and secrets in them masked.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from schemas.messages import Deferral, Label
from schemas.secrets import masked
from streams.dead_letters.letters import DeadLetter

MOST_ROWS = 200
_LONGEST = 300


class DeferredRow(Struct, frozen=True):
    """A request that the teacher was asked about.

    Attributes:
        at: when it was requested.
        text: what was to be classified; None where only a vector was given.
        guess, score, version: what the surrogate would have said; None where it made no guess.
        threshold: score from which on it answers.
        label: what was answered; None where this gateway has not seen it, or not yet.
        failed: what went wrong where nothing was answered.
    """

    id: str
    task: str
    at: int
    reason: str
    text: str | None
    guess: str | None = None
    score: float | None = None
    threshold: float | None = None
    version: str | None = None
    label: str | None = None
    failed: str | None = None


class LetterRow(Struct, frozen=True):
    """A message that a role gave up on.

    Attributes:
        position: names it, as `partition:offset`.
        task: None where it names none that can be read.
        replayed: it was sent again since.
        whole: it holds its message, so that it can be sent again.
    """

    position: str
    task: str | None
    id: str | None
    at: int
    stage: str
    topic: str
    reason: str
    attempt: int
    replayed: bool
    whole: bool


class DeferredView(Struct, frozen=True):
    """Attributes:
    deferrals, letters: the newest first, of the messages that were looked at.
    reasons: how many of the task's deferrals among them had each reason.
    looked_at: newest deferrals of all tasks, and newest dead letters, that were looked at.
    texts: they are shown; a key of an app shows none.
    replays: the caller may send letters again.
    nameless: dead letters among them that name no task; None for a key that may not know.
    """

    at: int
    deferrals: Sequence[DeferredRow]
    letters: Sequence[LetterRow]
    reasons: Sequence[tuple[str, int]]
    looked_at: tuple[int, int]
    texts: bool
    replays: bool
    nameless: int | None = None


Row = TypeVar("Row", DeferredRow, LetterRow)


def deferred_row(deferral: Deferral) -> DeferredRow | None:
    """The row; None for an audit or a second question, which was not deferred."""
    if deferral.audit or deferral.first is not None:
        return None
    request, guess = deferral.request, deferral.guess
    return DeferredRow(
        id=request.id,
        task=request.task,
        at=deferral.requested_at,
        reason=deferral.reason.value,
        text=None if request.text is None else _cut(request.text),
        guess=guess.label if guess else None,
        score=guess.score if guess else None,
        threshold=deferral.threshold,
        version=guess.policy if guess else None,
    )


def letter_row(letter: DeadLetter, *, replayed: bool) -> LetterRow:
    return LetterRow(
        position=str(letter.position),
        task=letter.task,
        id=letter.request,
        at=letter.at,
        stage=letter.stage,
        topic=letter.topic,
        reason=_cut(letter.reason),
        attempt=letter.attempt,
        replayed=replayed,
        whole=letter.value is not None,
    )


def deferred_view(
    task: str,
    at: int,
    deferrals: Sequence[DeferredRow],
    letters: Sequence[LetterRow],
    *,
    sees_all: bool,
    operates: bool,
) -> DeferredView:
    """Args:
    deferrals, letters: of all tasks, in any order.
    sees_all: the caller may know of letters that name no task.
    operates: the caller may read what others have sent, and send letters again.
    """
    own = _newest(row for row in deferrals if row.task == task)
    if not operates:
        own = [replace(row, text=None) for row in own]
    return DeferredView(
        at=at,
        deferrals=own[:MOST_ROWS],
        letters=_newest(row for row in letters if row.task == task)[:MOST_ROWS],
        reasons=Counter(row.reason for row in own).most_common(),
        looked_at=(len(deferrals), len(letters)),
        texts=operates,
        replays=operates,
        nameless=sum(row.task is None for row in letters) if sees_all else None,
    )


def with_label(row: DeferredRow, label: Label | None) -> DeferredRow:
    """The row with what became of its request, where that is known."""
    if label is None or label.requested_at < row.at:
        return row
    return replace(
        row,
        label=None if label.label is None else masked(label.label),
        failed=None if label.error is None else _cut(label.error),
    )


def _newest(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.at, reverse=True)


def _cut(text: str) -> str:
    shown = masked(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
