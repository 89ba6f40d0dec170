"""Decides a batch of texts that have to be encoded first: in a thread, part by part, within a time limit.

A batch is one transaction, so its time is limited. Parts grow while there is time; the texts that are left
when it is over are deferred, as without an encoder, and so is a text that the encoder refuses. An encoder
that makes no vectors of a part, or none in time, has failed.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder
from models.errors import EmbedderError, TextRefused
from schemas.messages import Reason
from streams.routing.decisions import Decision, decide
from streams.routing.features import BatchVectors, encode_features
from streams.tasks import Task

log = logging.getLogger(__name__)

FIRST_PART = 32
LAST_START = 5.0
LIMIT = 15.0
"""Seconds from the batch's beginning after which no part begins, and none may end. A transaction has 30."""


async def decide_encoded(
    task: Task,
    embedder: Embedder,
    texts: Sequence[str],
    by_canary: Sequence[bool],
    audited: Sequence[bool],
) -> tuple[list[Decision], BatchVectors]:
    """A decision a text, and the vectors that were made.

    A cascade whose first stage reads the text alone answers much without a vector. Texts that become traces
    are encoded all the same, for the next fit: those that are deferred or audited.

    Args:
        by_canary: see `decide`.
        audited: for each text whether the teacher is asked in any case.

    Raises:
        EmbedderError: the encoder failed, or was too slow for a first part.
    """
    vectors = BatchVectors(texts, embedder)
    decisions: list[Decision] = []
    start, size = time.monotonic(), FIRST_PART
    while len(decisions) < len(texts) and (elapsed := time.monotonic() - start) < LAST_START:
        part = range(len(decisions), min(len(decisions) + size, len(texts)))
        decisions += await _decide_in_time(
            _EncodedPart(task, vectors, part, by_canary, audited), LIMIT - elapsed
        )
        if len(part) == size and vectors.refused_count(part) == size:
            raise EmbedderError(f"encoder refused all of {size} texts: {embedder.id}")
        size *= 2
    if refused := vectors.refused_count(range(len(decisions))):
        log.warning(
            "encoder refused texts, they are deferred: encoder=%s refused=%d texts=%d",
            embedder.id,
            refused,
            len(texts),
        )
    if rest := len(texts) - len(decisions):
        log.warning(
            "encoder ran out of time, texts are deferred: encoder=%s deferred=%d texts=%d",
            embedder.id,
            rest,
            len(texts),
        )
        decisions += decide(task, None, rest, by_canary[len(decisions) :])
    return decisions, vectors


@dataclass(frozen=True, slots=True)
class _EncodedPart:
    """Some texts of a batch; `by_canary` and `audited` are the batch's."""

    task: Task
    vectors: BatchVectors
    rows: range
    by_canary: Sequence[bool]
    audited: Sequence[bool]

    def __len__(self) -> int:
        return len(self.rows)

    def halves(self) -> "tuple[_EncodedPart, _EncodedPart]":
        half = len(self.rows) // 2
        return replace(self, rows=self.rows[:half]), replace(self, rows=self.rows[half:])

    def decisions(self) -> list[Decision]:
        """Raises EmbedderError."""
        rows = encode_features(self.task, self.vectors, self.rows)
        decisions = decide(self.task, rows, len(self), self._by_canary, self._embed)
        traced = [
            row
            for row, decision in zip(self.rows, decisions, strict=True)
            if self.audited[row] or decision.reason is not Reason.ACCEPTED
        ]
        self.vectors.embed(traced)
        return decisions

    def deferral(self) -> list[Decision]:
        """The decision on the one text of this part, which the encoder refuses."""
        self.vectors.refuse(self.rows.start)
        return decide(self.task, None, 1, self._by_canary)

    @property
    def _by_canary(self) -> Sequence[bool]:
        return self.by_canary[self.rows.start : self.rows.stop]

    def _embed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.vectors.embed([self.rows[row] for row in rows.tolist()])


async def _decide_in_time(part: _EncodedPart, seconds: float) -> list[Decision]:
    """The decisions on a part; after a timeout its thread runs on to its end."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(_decide_part, part), seconds)
    except TimeoutError as error:
        raise EmbedderError(
            f"encoder made no vectors of {len(part)} texts within {seconds:.0f} s: {part.vectors.encoder}"
        ) from error


def _decide_part(part: _EncodedPart) -> list[Decision]:
    """Encode and score, in a thread: it reads one state of the task, which never changes.

    A refused text is found by halving the part, and deferred alone.
    """
    try:
        return part.decisions()
    except TextRefused:
        if len(part) == 1:
            return part.deferral()
    return [decision for half in part.halves() for decision in _decide_part(half)]
