"""Verdicts on texts whose vectors have to be made: in a thread, part by part, as many as there is time for.

A batch is one transaction, so its time is limited. Parts grow while there is time; the texts that are left
when it is over are deferred, as without an encoder, and so is a text that the encoder refuses. One that makes
no vectors of a part, or none in time, has failed.
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
    allotted: Sequence[bool],
    audited: Sequence[bool],
) -> tuple[list[Decision], BatchVectors]:
    """A verdict a text, and the vectors that were made for them.

    A cascade whose first stage reads the text alone answers much without a vector. One is made all the same
    of what becomes a trace, so that the next fit has it: of all that is deferred or audited.

    Args:
        allotted: see `decide`.
        audited: for each text whether the teacher is asked, whatever becomes of it.

    Raises:
        EmbedderError: the encoder failed, or was too slow for a first part.
    """
    vectors = BatchVectors(texts, embedder)
    found: list[Decision] = []
    began, size = time.monotonic(), FIRST_PART
    while len(found) < len(texts) and (spent := time.monotonic() - began) < LAST_START:
        part = range(len(found), min(len(found) + size, len(texts)))
        found += await _in_time(_EncodedPart(task, vectors, part, allotted, audited), LIMIT - spent)
        if len(part) == size and vectors.refused(part) == size:
            raise EmbedderError(f"{embedder.id} refuses all of {size} texts")
        size *= 2
    if refused := vectors.refused(range(len(found))):
        log.warning("%s refuses %d of %d texts: they are deferred", embedder.id, refused, len(texts))
    if rest := len(texts) - len(found):
        log.warning("%s had no time for %d of %d texts: they are deferred", embedder.id, rest, len(texts))
        found += decide(task, None, rest, allotted[len(found) :])
    return found, vectors


@dataclass(frozen=True, slots=True)
class _EncodedPart:
    """Some texts of a batch; `allotted` and `audited` are the batch's."""

    task: Task
    vectors: BatchVectors
    places: range
    allotted: Sequence[bool]
    audited: Sequence[bool]

    def __len__(self) -> int:
        return len(self.places)

    def halves(self) -> "tuple[_EncodedPart, _EncodedPart]":
        half = len(self.places) // 2
        return replace(self, places=self.places[:half]), replace(self, places=self.places[half:])

    def verdicts(self) -> list[Decision]:
        """Raises EmbedderError."""
        rows = encode_features(self.task, self.vectors, self.places)
        found = decide(self.task, rows, len(self), self._allotted, self._embed)
        asked = [
            place
            for place, verdict in zip(self.places, found, strict=True)
            if self.audited[place] or verdict.reason is not Reason.ACCEPTED
        ]
        self.vectors.embed(asked)
        return found

    def refused(self) -> list[Decision]:
        """The one text is refused by the encoder."""
        self.vectors.refuse(self.places.start)
        return decide(self.task, None, 1, self._allotted)

    @property
    def _allotted(self) -> Sequence[bool]:
        return self.allotted[self.places.start : self.places.stop]

    def _embed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.vectors.embed([self.places[row] for row in rows.tolist()])


async def _in_time(part: _EncodedPart, seconds: float) -> list[Decision]:
    """Those of a part; where they take too long, their thread ends in its own time."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(_judged, part), seconds)
    except TimeoutError as error:
        raise EmbedderError(
            f"{part.vectors.encoder} made no vectors of {len(part)} texts in {seconds:.0f} s"
        ) from error


def _judged(part: _EncodedPart) -> list[Decision]:
    """Encode and score, in a thread: it reads one state of the task, which never changes.

    A text that is refused is found by halving, and deferred alone.
    """
    try:
        return part.verdicts()
    except TextRefused:
        if len(part) == 1:
            return part.refused()
    return [verdict for half in part.halves() for verdict in _judged(half)]
