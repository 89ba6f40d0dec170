"""Examples worth reading: the most and the least certain traces, disagreements, and deferrals by reason."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.report.decisions import Decisions, decide
from models.study import Study

EACH = 4
LONGEST = 280
LONGEST_LABEL = 80


class Example(Struct, frozen=True):
    """One trace, its text and labels cut for reading.

    Attributes:
        text: what was classified.
        teacher, guess: the teacher's label, and the surrogate's.
        score: in [0, 1], probability that they agree.
        agrees: they do.
    """

    text: str
    teacher: str
    guess: str
    score: float
    agrees: bool


class Group(Struct, frozen=True):
    """Examples of one kind.

    Attributes:
        title: which kind.
        rows: how many traces are of this kind.
        examples: a handful of them, no text twice.
    """

    title: str
    rows: int
    examples: tuple[Example, ...]


def groups(study: Study, texts: Sequence[str], threshold: float | None) -> tuple[Group, ...]:
    """The kinds that occur. `threshold` None: refused, so nothing is answered."""
    return tuple(
        Group(title, int(mask.sum()), tuple(example(study, texts, row) for row in chosen))
        for title, mask, order in _kinds(study, decide(study, threshold), threshold is None)
        if (chosen := _first(mask, order, texts))
    )


def example(study: Study, texts: Sequence[str], row: int) -> Example:
    return Example(
        text=shorten(texts[row], LONGEST),
        teacher=shorten(study.names[study.codes[row]], LONGEST_LABEL),
        guess=shorten(study.names[study.guesses[row]], LONGEST_LABEL),
        score=float(study.scores[row]),
        agrees=bool(study.agrees[row]),
    )


def shorten(text: str, longest: int) -> str:
    """At most `longest` characters, an ellipsis for the rest; nothing that UTF-8 or HTML can't hold."""
    cut = text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
    return cut.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _kinds(
    study: Study, decided: Decisions, refused: bool
) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[Any]]]:
    """Title, which traces, and what to sort them by, smallest first."""
    most_certain = -study.scores
    wrong = ~study.agrees
    yield "Answered, most certain", decided.answered, most_certain
    yield "Answered, least certain", decided.answered, study.scores
    yield "Answered, and the teacher says otherwise", decided.answered & wrong, most_certain
    if refused:
        yield "Most certain, and the teacher says otherwise", decided.low_score & wrong, most_certain
        yield "Most certain", decided.low_score & ~wrong, most_certain
    else:
        yield "Deferred, though nearly certain enough", decided.low_score, most_certain
    yield "Deferred, least certain", decided.low_score, study.scores
    yield "Deferred as novel", decided.novel, -study.novelty
    yield "Deferred, its label is blocked", decided.blocked, most_certain


def _first(mask: NDArray[np.bool_], order: NDArray[Any], texts: Sequence[str]) -> list[int]:
    rows = np.flatnonzero(mask)
    chosen: dict[str, int] = {}
    for row in rows[np.argsort(order[rows], kind="stable")].tolist():
        chosen.setdefault(texts[row], row)
        if len(chosen) == EACH:
            break
    return list(chosen.values())
