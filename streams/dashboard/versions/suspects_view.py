"""Suspects view: audited answers that the teacher contradicts, the surest first, and labels that it confuses.

They come from the newest traces, when a person asks for them; nothing keeps them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from schemas.messages import Trace
from schemas.secrets import masked
from streams.dashboard.requests.newest_traces import FoundTraces

MOST_SUSPECTS = 20
MOST_PAIRS = 20
LONGEST = 400


class Suspect(Struct, frozen=True):
    """An answer of the surrogate that the teacher contradicts. Either of the two may be wrong.

    Attributes:
        text: cut at 400 characters; None of a request that brought only a vector.
        answer: of the surrogate; `teacher` is the teacher's.
        score: with which it answered.
        at: Unix milliseconds of the request.
    """

    id: str
    text: str | None
    answer: str
    teacher: str
    score: float
    version: str
    at: int


class ConfusedPair(Struct, frozen=True):
    """Traces on which the guess of the surrogate is one label and the teacher says another, answered or not.

    Attributes:
        guess: of the surrogate.
        of: traces with this guess.
    """

    guess: str
    teacher: str
    traces: int
    of: int


class SuspectsView(Struct, frozen=True):
    """Attributes:
    suspects: at most 20, the highest score first.
    disagreements: how many audits disagree; of these `suspects` are the surest.
    pairs: at most 20, the most frequent first.
    audits, traces: of the task, among `looked_at` messages of all tasks.
    """

    suspects: Sequence[Suspect]
    disagreements: int
    pairs: Sequence[ConfusedPair]
    audits: int
    traces: int
    looked_at: int


def suspects_view(found: FoundTraces) -> SuspectsView:
    audits = [trace for trace in found.traces if trace.checks_answer and trace.guess is not None]
    wrong = [suspect for trace in audits if (suspect := _suspect(trace)) is not None]
    wrong.sort(key=lambda one: (-one.score, -one.at))
    return SuspectsView(
        suspects=wrong[:MOST_SUSPECTS],
        disagreements=len(wrong),
        pairs=_pairs(found.traces),
        audits=len(audits),
        traces=len(found.traces),
        looked_at=found.looked_at,
    )


def shortened(text: str) -> str:
    """A text as a person is shown it: without secrets, and cut."""
    shown = masked(text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _suspect(trace: Trace) -> Suspect | None:
    guess = trace.guess
    if guess is None or guess.label == trace.label:
        return None
    text = None if trace.text is None else shortened(trace.text)
    return Suspect(trace.id, text, guess.label, trace.label, guess.score, guess.policy, trace.requested_at)


def _pairs(traces: Iterable[Trace]) -> list[ConfusedPair]:
    given, confused = Counter[str](), Counter[tuple[str, str]]()
    for trace in traces:
        if trace.guess is not None:
            given[trace.guess.label] += 1
            confused[trace.guess.label, trace.label] += trace.guess.label != trace.label
    return [
        ConfusedPair(guess, teacher, count, given[guess])
        for (guess, teacher), count in confused.most_common(MOST_PAIRS)
        if count
    ]
