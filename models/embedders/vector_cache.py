"""Cached encoders: a text that several tasks ask about is read once, and so are equal texts of one call.

A vector is kept under a digest of its text, so no text stays in memory. There are two halves: when the
younger is full, and at each check whether the encoder is still the same (`age`), the elder is dropped and the
younger takes its place. So memory is bounded, and no vector outlives two checks, however often it is asked
for. A cache belongs to one open encoder, and ends with it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder

MOST_BYTES = 32 << 20
"""That one encoder's vectors may take: 13,000 of 576 numbers, or 1,900 of 4,096."""

_DIGEST = 16
_BESIDE = 256
"""Bytes that an entry takes beside its numbers: the digest, an array's head, a place in a dict."""

Vector = NDArray[np.float32]


class CachedEmbedder:
    """See `models.embedders.contract.Embedder`.

    Attributes:
        encoder: what makes the vectors; asked directly, nothing is kept.
        read_count: texts that it was sent so far.
    """

    def __init__(self, encoder: Embedder, most_bytes: int = MOST_BYTES) -> None:
        self.id = encoder.id
        self.dimension = encoder.dimension
        self.encoder = encoder
        self.read_count = 0
        self._room = most_bytes // 2 // (4 * encoder.dimension + _BESIDE)
        self._lock = Lock()
        self._young: dict[bytes, Vector] = {}
        self._old: dict[bytes, Vector] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        keys = [_digest(text) for text in texts]
        found = self._kept(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            self.read_count += len(missing)
            made = dict(zip(missing, self.encoder.embed(list(missing.values())), strict=True))
            self._keep(made)
            found |= made
        return np.stack([found[key] for key in keys])

    def age(self) -> None:
        """Drop what was kept before the last call."""
        with self._lock:
            self._old, self._young = self._young, {}

    def _kept(self, keys: Iterable[bytes]) -> dict[bytes, Vector]:
        with self._lock:
            found = {key: self._young.get(key, self._old.get(key)) for key in keys}
        return {key: vector for key, vector in found.items() if vector is not None}

    def _keep(self, made: dict[bytes, Vector]) -> None:
        for key, vector in made.items():
            if len(self._young) >= self._room:
                self.age()
            if self._room:
                with self._lock:
                    self._young[key] = vector.copy()  # a row alone would hold all rows of its call


def encoder_behind(embedder: Embedder) -> Embedder:
    """What makes the vectors, without what is kept of them."""
    return embedder.encoder if isinstance(embedder, CachedEmbedder) else embedder


def read_count(embedder: Embedder) -> int | None:
    """How many texts it has read so far; None where nobody counts."""
    return embedder.read_count if isinstance(embedder, CachedEmbedder) else None


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
