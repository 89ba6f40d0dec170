"""Decides some texts that have to be encoded first, on the thread of their encoder.

Where a task has several encoders, its texts come to one after another. Each but the last decides what its
stage of the cascade is sure of; all others, and those that become traces, go on to the next.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.embedders.batch_vectors import BatchVectors
from models.embedders.contract import Embedder
from models.embedders.vector_cache import read_count
from models.errors import EmbedderError, TextRefused
from models.features import Embed
from schemas.messages import Reason
from streams.routing.decisions import Decision, decide
from streams.routing.early_decisions import decide_early, decide_from_text
from streams.routing.features import encode_features
from streams.tasks import Task

log = logging.getLogger(__name__)


class TextToDecide(NamedTuple):
    """Attributes:
    by_canary: whether the canary decides.
    audited: whether the teacher is asked in any case.
    given: the answer that was given already: only its vector is missing.
    made: the vectors of the encoders before this one, float32 [d] each.
    """

    text: str
    by_canary: bool = False
    audited: bool = False
    given: Decision | None = None
    made: tuple[NDArray[np.float32], ...] = ()


class DecidedText(NamedTuple):
    """Attributes:
    features: the vector as bytes of little-endian float32; None where none was made.
    """

    decision: Decision
    features: bytes | None


class OpenText(NamedTuple):
    """A text that goes on to the next encoder.

    Attributes:
        given: the answer that it has by now; None where it is still to be decided.
        vector: float32 [d], that this encoder has made.
    """

    given: Decision | None
    vector: NDArray[np.float32]


class DecidedPart(NamedTuple):
    """Attributes:
    refused: how many of the texts the encoder refuses.
    read: how many it was sent: not those that need no vector, or whose vector was kept.
    """

    texts: list[DecidedText | OpenText]
    refused: int
    read: int


class _GoesOn(NamedTuple):
    given: Decision | None


def decide_part(
    task: Task, encoders: Sequence[Embedder], texts: Sequence[TextToDecide], failing_size: int
) -> DecidedPart:
    """A decision for each text, or what it goes on to the next encoder with.

    A cascade answers much without a vector, or without the later ones. Texts that become traces are encoded
    all the same, by all encoders, for the next fit: those that are deferred or audited. A text that the
    encoder refuses is found by halving, and deferred alone.

    Args:
        encoders: of the task up to this one, the last, which alone is asked.
        failing_size: an encoder that refuses all of so many texts has failed.

    Raises:
        EmbedderError: the encoder failed.
    """
    made = [np.stack([one.made[place] for one in texts]) for place in range(len(encoders) - 1)]
    vectors = BatchVectors([one.text for one in texts], encoders, made)
    every, number = range(len(texts)), len(encoders) - 1
    before = read_count(encoders[-1])
    found = _decide(_Part(task, vectors, number, texts, every))
    refused = vectors.refused_count(every)
    if refused == len(texts) >= failing_size:
        raise EmbedderError(f"encoder refused all of {refused} texts: {encoders[-1].id}")
    is_last = len(encoders) == len(task.parts)
    return DecidedPart(
        [
            OpenText(one.given, vectors.embed([row], number)[0])
            if isinstance(one, _GoesOn)
            else DecidedText(one, vectors.vector_bytes(row) if is_last else None)
            for row, one in enumerate(found)
        ],
        refused,
        len(texts) if before is None else (read_count(encoders[-1]) or 0) - before,
    )


def decide_without_vectors(task: Task, texts: Sequence[TextToDecide]) -> list[DecidedText]:
    """Defer all that is not answered yet, and that the text alone does not answer; it never fails."""
    deferred = decide(task, None, len(texts), _canary_mask(texts))
    answers = _answers_from_text(task, [one.text for one in texts])
    return [
        DecidedText(one.given or answer or deferral, None)
        for one, answer, deferral in zip(texts, answers, deferred, strict=True)
    ]


def _answers_from_text(task: Task, texts: Sequence[str]) -> list[Decision | None]:
    """None for all of them where a defect lets none be decided: each must have an end all the same."""
    try:
        return decide_from_text(task, texts)
    except Exception:
        log.exception("texts could not be decided, a defect, they are deferred: task=%s", task.name)
        return [None] * len(texts)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the texts.

    Attributes:
        number: of the encoder among those of the task.
    """

    task: Task
    vectors: BatchVectors
    number: int
    texts: Sequence[TextToDecide]
    rows: range

    def halves(self) -> "tuple[_Part, _Part]":
        half = len(self.rows) // 2
        return replace(self, rows=self.rows[:half]), replace(self, rows=self.rows[half:])

    def decisions(self) -> list[Decision | _GoesOn]:
        """Raises EmbedderError."""
        given = {row: found for row in self.rows if (found := self.texts[row].given) is not None}
        undecided = [row for row in self.rows if row not in given]
        if self.number < len(self.task.parts) - 1:
            return self._early_decisions(given, undecided)
        decided = given | dict(zip(undecided, self._decide(undecided), strict=True))
        traced = [
            row
            for row, decision in decided.items()
            if row in given or self.texts[row].audited or decision.reason is not Reason.ACCEPTED
        ]
        self.vectors.embed(sorted(traced), self.number)
        return [decided[row] for row in self.rows]

    def deferral(self) -> list[Decision | _GoesOn]:
        """The decision on the one text of this part, which the encoder refuses."""
        (row,) = self.rows
        self.vectors.refuse(row)
        return [found.decision for found in decide_without_vectors(self.task, [self.texts[row]])]

    def _early_decisions(
        self, given: dict[int, Decision], undecided: Sequence[int]
    ) -> list[Decision | _GoesOn]:
        """What the stages up to this encoder answer; the rest, and what becomes a trace, goes on."""
        answers: dict[int, Decision | None] = {**given}
        if undecided:
            answers |= zip(undecided, self._decide_early(undecided), strict=True)
        found: dict[int, Decision | _GoesOn] = {
            row: answer
            if answer is not None and row not in given and not self.texts[row].audited
            else _GoesOn(answer)
            for row, answer in answers.items()
        }
        going = sorted(row for row, one in found.items() if isinstance(one, _GoesOn))
        self.vectors.embed(going, self.number)
        return [found[row] for row in self.rows]

    def _decide_early(self, rows: Sequence[int]) -> list[Decision | None]:
        texts, parts = [self.texts[row] for row in rows], self.number + 1
        canary = _canary_mask(texts)
        return decide_early(self.task, [one.text for one in texts], parts, canary, self._embed_of(rows))

    def _decide(self, rows: Sequence[int]) -> list[Decision]:
        if not rows:
            return []
        features = encode_features(self.task, self.vectors, rows)
        canary = _canary_mask([self.texts[row] for row in rows])
        return decide(self.task, features, len(rows), canary, self._embed_of(rows))

    def _embed_of(self, rows: Sequence[int]) -> Embed:
        """Makes vectors of some of these rows, given by their places among them.

        Those of the rows that become traces in any case are made by the same call: a second one would take
        the part about as long again.
        """

        def embed(places: NDArray[np.int64], part: int) -> NDArray[np.float32]:
            asked = [rows[place] for place in places.tolist()]
            if asked and part == self.number:
                self.vectors.embed(sorted({*asked, *self._traced_anyway()}), part)
            return self.vectors.embed(asked, part)

        return embed

    def _traced_anyway(self) -> list[int]:
        return [row for row in self.rows if self.texts[row].given is not None or self.texts[row].audited]


def _canary_mask(texts: Sequence[TextToDecide]) -> list[bool]:
    return [one.by_canary for one in texts]


def _decide(part: _Part) -> list[Decision | _GoesOn]:
    """Encode and score; it reads one state of the task, which never changes."""
    try:
        return part.decisions()
    except TextRefused:
        if len(part.rows) == 1:
            return part.deferral()
    return [decision for half in part.halves() for decision in _decide(half)]
