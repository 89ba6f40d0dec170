"""Embeddings in messages: base64 of little-endian float32, or a list of numbers; every value finite."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InvalidVector

Wire = bytes | list[float]
_FLOAT = np.dtype("<f4")


def decode_vector(wire: Wire, dimension: int | None) -> NDArray[np.float32]:
    """One embedding, float32 [d].

    Args:
        dimension: the length that it must have; None: any.

    Raises:
        InvalidVector: not whole float32 values, another length, or a value that is not finite.
    """
    if isinstance(wire, bytes) and len(wire) % _FLOAT.itemsize:
        raise InvalidVector(f"embedding: {len(wire)} bytes are not a whole number of float32 values")
    values = np.frombuffer(wire, _FLOAT) if isinstance(wire, bytes) else _to_float32(wire)
    if len(values) == 0 or (dimension is not None and len(values) != dimension):
        raise InvalidVector(
            f"embedding: {len(values)} values, but the task needs {dimension or 'at least 1'}"
        )
    finite = np.isfinite(values)
    if not finite.all():
        raise InvalidVector(f"embedding: value {int(np.argmin(finite))} is not a finite float32")
    return values


def decode_matrix(wires: Sequence[Wire], dimension: int) -> NDArray[np.float32] | None:
    """All embeddings at once, float32 [n, dimension]; None if one of them is invalid.

    This is the fast path for many vectors; `decode_vector` then says which one is invalid, and why.
    """
    values = [vector_bytes(wire) for wire in wires]
    if set(map(len, values)) - {dimension * _FLOAT.itemsize}:
        return None
    rows = np.frombuffer(b"".join(values), _FLOAT).reshape(len(values), dimension)
    return rows if np.isfinite(rows).all() else None


def vector_bytes(wire: Wire) -> bytes:
    """The embedding as little-endian float32 bytes."""
    return wire if isinstance(wire, bytes) else _to_float32(wire).tobytes()


def _to_float32(numbers: list[float]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a value too large for float32 becomes infinite, and is refused later
        return np.asarray(numbers, _FLOAT)
