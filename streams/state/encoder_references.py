"""Reference vectors of encoders behind addresses, by their ids: the first process to meet one stores them."""

import numpy as np
from numpy.typing import NDArray

from models.embedders.reference import TEXTS
from schemas.redis_keys import Keys
from streams.state.connection import Connection, as_text

_FLOAT = 4
"""Bytes of a float32."""


class EncoderReferences:
    """In Redis. Every method raises StateUnavailable while it can't be used."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    async def first(self, encoder: str, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The reference vectors that were stored first, float32 [texts, d]; these where there are none.

        Args:
            encoder: id.
        """
        key = self._keys.encoder_references
        with self._connection.client() as redis:
            await redis.hsetnx(key, encoder, vectors.astype("<f4").tobytes())
            stored = await redis.hget(key, encoder)
        return vectors if stored is None else _decoded(stored)  # None: it was forgotten a moment ago

    async def dimensions(self) -> dict[str, int]:
        """Numbers in a vector of each encoder that was met, by its id."""
        with self._connection.client() as redis:
            stored = await redis.hgetall(self._keys.encoder_references)
        return {as_text(encoder): _decoded(vectors).shape[1] for encoder, vectors in stored.items()}

    async def forget(self, encoder: str) -> bool:
        """Remove an encoder's vectors: the next process to meet it stores its own. Whether it had any."""
        with self._connection.client() as redis:
            return bool(await redis.hdel(self._keys.encoder_references, encoder))


def _decoded(stored: bytes | str) -> NDArray[np.float32]:
    """Float32 [texts, d]; what does not fit into that is left out, and differs from any vectors then."""
    raw = stored if isinstance(stored, bytes) else stored.encode()
    row = len(raw) // (_FLOAT * len(TEXTS))
    return np.frombuffer(raw[: row * _FLOAT * len(TEXTS)], "<f4").reshape(len(TEXTS), row)
