"""Order of time of the traces: what the gate has to know of it, and the folds that it asks for."""

import numpy as np
from numpy.typing import NDArray

from models.gate.exchangeability import label_dependence
from models.gate.time_dependence import INDEPENDENT, TimeDependence
from models.training_set import TrainingSet


def time_dependence(training: TrainingSet, seed: int) -> TimeDependence:
    """How the labels of the sampled traces depend on time; independent where their order says nothing."""
    if not training.ordered:
        return INDEPENDENT
    return label_dependence(np.array(training.labels, dtype=object)[training.sampled], seed)


def blocks_of_time(groups: NDArray[np.generic], count: int) -> NDArray[np.int64]:
    """Fold of each row, [n]: `count` blocks of time, about equally large.

    Args:
        groups: [n], oldest first; rows of one group are in the block in which the first of them is.
    """
    _, first, group, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first, kind="stable")
    block = np.empty(len(sizes), dtype=np.int64)
    block[order] = (np.cumsum(sizes[order]) - sizes[order]) * count // len(groups)
    return block[group]
