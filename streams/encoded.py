"""Verdicts on texts whose vectors have to be made: in a thread, part by part, as many as there is time for.

A batch is one transaction, so its time is limited. Parts grow while there is time; the texts that are left
when it is over are deferred, as without an encoder, and so is a text that the encoder refuses. One that makes
no vectors of a part, or none in time, has failed.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from models.embedders.embedder import Embedder
from models.errors import EmbedderError, TextRefused
from streams.features import Vectors, encoded
from streams.live import Task
from streams.verdicts import Verdict, verdicts

log = logging.getLogger(__name__)

FIRST_PART = 32
LAST_START = 5.0
LIMIT = 15.0
"""Seconds from the batch's beginning after which no part begins, and none may end. A transaction has 30."""


async def encoded_verdicts(
    task: Task, embedder: Embedder, texts: Sequence[str], allotted: Sequence[bool]
) -> tuple[list[Verdict], Vectors]:
    """A verdict a text, and the vectors that were made for them.

    Args:
        allotted: see `verdicts`.

    Raises:
        EmbedderError: the encoder failed, or was too slow for a first part.
    """
    vectors = Vectors(texts, embedder)
    found: list[Verdict] = []
    began, size = time.monotonic(), FIRST_PART
    while len(found) < len(texts) and (spent := time.monotonic() - began) < LAST_START:
        part = range(len(found), min(len(found) + size, len(texts)))
        found += await _in_time(task, vectors, part, allotted, LIMIT - spent)
        if len(part) == size and vectors.lacking(part) == size:
            raise EmbedderError(f"{embedder.id} refuses all of {size} texts")
        size *= 2
    if refused := vectors.lacking(range(len(found))):
        log.warning("%s refuses %d of %d texts: they are deferred", embedder.id, refused, len(texts))
    if rest := len(texts) - len(found):
        log.warning("%s had no time for %d of %d texts: they are deferred", embedder.id, rest, len(texts))
        found += verdicts(task, None, rest, allotted[len(found) :])
    return found, vectors


async def _in_time(
    task: Task, vectors: Vectors, part: range, allotted: Sequence[bool], seconds: float
) -> list[Verdict]:
    """Those of a part; where they take too long, their thread ends in its own time."""
    work = asyncio.to_thread(_judged, task, vectors, part, allotted[part.start : part.stop])
    try:
        return await asyncio.wait_for(work, seconds)
    except TimeoutError as error:
        raise EmbedderError(
            f"{vectors.encoder} made no vectors of {len(part)} texts in {seconds:.0f} s"
        ) from error


def _judged(task: Task, vectors: Vectors, part: range, allotted: Sequence[bool]) -> list[Verdict]:
    """Encode and score, in a thread: it reads one state of the task, which never changes.

    A text that is refused is found by halving, and deferred alone.
    """
    try:
        return verdicts(task, encoded(task, vectors, part), len(part), allotted)
    except TextRefused:
        if len(part) == 1:
            return verdicts(task, None, 1, allotted)
    half = len(part) // 2
    return [
        *_judged(task, vectors, part[:half], allotted[:half]),
        *_judged(task, vectors, part[half:], allotted[half:]),
    ]
