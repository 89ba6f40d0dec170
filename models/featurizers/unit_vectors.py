"""Vectors of length one."""

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-12


def normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length one, float32 [n, d]; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, np.float32(SMALLEST)))
