"""Which traces are held out together, so that every trace is scored by a model that has not seen it."""

import numpy as np
from numpy.typing import NDArray

FEW = 3000
MANY_FOLDS, FOLDS = 20, 5


def assign(codes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Fold of each row, [n]: each label spread evenly over the folds, 20 of them for few rows, else 5.

    With few traces the fold models must come close to what all traces would give: at 1,500 traces of
    Banking77 20 folds answer .76 of the traffic at .95, 5 folds .73.
    """
    folds = min(MANY_FOLDS if len(codes) < FEW else FOLDS, len(codes))
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    fold = np.empty(len(codes), dtype=np.int64)
    fold[order] = np.arange(len(codes)) % folds
    return fold
