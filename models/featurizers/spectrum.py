"""Eigenvalues and directions of symmetric matrices, by one thread unless they are large.

LAPACK hands many small products to the threads of BLAS. Where the cores are busy with something else, each of
these waits for a thread that does not run, and spins meanwhile: on two cores with a load of 5, a matrix of
384 x 384 took .01 s by one thread and .5 to 2.7 s by two, one of 1,024 x 1,024 .24 s and .8 to 4.3 s.
"""

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

LARGE = 2048


def spectrum(
    symmetric: NDArray[np.floating],
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Eigenvalues in ascending order, [d], and their directions, the columns of [d, d], in the same type."""
    if len(symmetric) >= LARGE:
        return np.linalg.eigh(symmetric)
    with threadpool_limits(1):
        return np.linalg.eigh(symmetric)
