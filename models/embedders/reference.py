"""Reference vectors: whether an encoder behind an address still makes the vectors that it made at first.

The id of such an encoder holds the name of its model and no more, and a server may load another model under
the same name. A policy would read numbers that mean something else. So the vectors of some texts are kept
when an encoder is first met, and compared from then on.
"""

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder

TEXTS = ("a text", "Where is my order 1234?", "Please cancel it, I have changed my mind.")
SAME = 0.999
"""Cosine from which on two vectors are the same: half precision, batches and other hardware stay above it."""
SAME_LENGTH = 0.1
"""Share by which a vector's length may differ. Two models that are more or less sure of the same labels give
vectors of one direction."""

Vectors = NDArray[np.float32]


def reference_vectors(embedder: Embedder) -> Vectors:
    """The vectors of `TEXTS`, float32 [texts, d]. Raises EmbedderError."""
    return embedder.embed(TEXTS)


def change_between(before: Vectors, now: Vectors) -> str | None:
    """What has changed from one encoder's reference vectors to another's; None if nothing has."""
    if before.shape != now.shape:
        return f"vectors had {before.shape[-1]} numbers, and have {now.shape[-1]}"
    length, new_length = np.linalg.norm(before, axis=1), np.linalg.norm(now, axis=1)
    cosines = np.sum(before * now, axis=1) / np.maximum(length * new_length, np.float32(1e-12))
    worst = int(np.argmin(cosines))
    if not cosines[worst] >= SAME:
        return f"the vector of `{TEXTS[worst]}` now has a cosine of {cosines[worst]:.3f} to what it was"
    ratios = new_length / length
    worst = int(np.argmax(np.abs(ratios - 1.0)))
    if abs(ratios[worst] - 1.0) <= SAME_LENGTH:
        return None
    return f"the vector of `{TEXTS[worst]}` now has {ratios[worst]:.2f} times the length that it had"
