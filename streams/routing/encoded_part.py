"""Decides some texts that have to be encoded first, on the thread of their encoder."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder
from models.errors import EmbedderError, TextRefused
from schemas.messages import Reason
from streams.routing.decisions import Decision, decide, decide_from_text
from streams.routing.features import BatchVectors, encode_features
from streams.tasks import Task

log = logging.getLogger(__name__)


class TextToDecide(NamedTuple):
    """Attributes:
    by_canary: whether the canary decides.
    audited: whether the teacher is asked in any case.
    given: the answer that was given from the text alone: only its vector is missing.
    """

    text: str
    by_canary: bool = False
    audited: bool = False
    given: Decision | None = None


class DecidedText(NamedTuple):
    """Attributes:
    features: the vector as bytes of little-endian float32; None where none was made.
    """

    decision: Decision
    features: bytes | None


class DecidedPart(NamedTuple):
    """Attributes:
    refused: how many of the texts the encoder refuses.
    """

    texts: list[DecidedText]
    refused: int


def decide_part(
    task: Task, embedder: Embedder, texts: Sequence[TextToDecide], failing_size: int
) -> DecidedPart:
    """A decision for each text, and the vectors that were made.

    A cascade whose first stage reads the text alone answers much without a vector. Texts that become traces
    are encoded all the same, for the next fit: those that are deferred or audited. A text that the encoder
    refuses is found by halving, and deferred alone.

    Args:
        failing_size: an encoder that refuses all of so many texts has failed.

    Raises:
        EmbedderError: the encoder failed.
    """
    vectors = BatchVectors([one.text for one in texts], embedder)
    every = range(len(texts))
    decisions = _decide(_Part(task, vectors, texts, every))
    refused = vectors.refused_count(every)
    if refused == len(texts) >= failing_size:
        raise EmbedderError(f"encoder refused all of {refused} texts: {embedder.id}")
    decided = [DecidedText(decision, vectors.vector_bytes(row)) for row, decision in enumerate(decisions)]
    return DecidedPart(decided, refused)


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
    """Some of the texts."""

    task: Task
    vectors: BatchVectors
    texts: Sequence[TextToDecide]
    rows: range

    def halves(self) -> "tuple[_Part, _Part]":
        half = len(self.rows) // 2
        return replace(self, rows=self.rows[:half]), replace(self, rows=self.rows[half:])

    def decisions(self) -> list[Decision]:
        """Raises EmbedderError."""
        given = {row: found for row in self.rows if (found := self.texts[row].given) is not None}
        undecided = [row for row in self.rows if row not in given]
        decided = given | dict(zip(undecided, self._decide(undecided), strict=True))
        traced = [
            row
            for row, decision in decided.items()
            if row in given or self.texts[row].audited or decision.reason is not Reason.ACCEPTED
        ]
        self.vectors.embed(sorted(traced))
        return [decided[row] for row in self.rows]

    def deferral(self) -> list[Decision]:
        """The decision on the one text of this part, which the encoder refuses."""
        (row,) = self.rows
        self.vectors.refuse(row)
        return [found.decision for found in decide_without_vectors(self.task, [self.texts[row]])]

    def _decide(self, rows: Sequence[int]) -> list[Decision]:
        if not rows:
            return []

        def embed(places: NDArray[np.int64]) -> NDArray[np.float32]:
            return self.vectors.embed([rows[place] for place in places.tolist()])

        features = encode_features(self.task, self.vectors, rows)
        return decide(self.task, features, len(rows), _canary_mask([self.texts[row] for row in rows]), embed)


def _canary_mask(texts: Sequence[TextToDecide]) -> list[bool]:
    return [one.by_canary for one in texts]


def _decide(part: _Part) -> list[Decision]:
    """Encode and score; it reads one state of the task, which never changes."""
    try:
        return part.decisions()
    except TextRefused:
        if len(part.rows) == 1:
            return part.deferral()
    return [decision for half in part.halves() for decision in _decide(half)]
