"""What a fit learns from, checked before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.embedders.spec import reads_text, tiers, vectors_of
from models.errors import TrainingError
from models.features import Features

HEAVIEST = 1e100
"""Weight of a trace: what keeps their sum finite."""

WIDEST = 8192
"""Length of vectors: a fit holds a few square matrices of this size, half a gigabyte each."""
MOST_TIERS = 2


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Traces: requests and what the teacher answered.

    Attributes:
        features: n rows.
        labels: [n] the teacher's labels.
        sampled: bool [n], it belongs to a uniform sample of all traffic; only these calibrate and certify.
        weights: float64 [n], >= 0: how much a trace counts in learning (not in calibration). None: all alike.
    """

    features: Features
    labels: Sequence[str]
    sampled: NDArray[np.bool_]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "TrainingSet":
        """The traces at these places, in this order."""
        weights = None if self.weights is None else self.weights[rows]
        labels = [self.labels[row] for row in rows.tolist()]
        return TrainingSet(self.features.take(rows), labels, self.sampled[rows], weights)


def check_traces(training: TrainingSet, embedder: str) -> None:
    """Whether these traces can be learned from.

    Raises:
        InvalidSpec: `embedder` is not of the grammar of `models.embedders.spec`.
        TrainingError: no traces, unequal lengths, what `embedder` reads is missing or not finite, or it is a
            cascade of more than two tiers.
    """
    rows = len(training)
    if rows == 0:
        raise TrainingError("no traces: nothing can be learned from an empty set")
    weights = training.weights
    columns = {"features": len(training.features), "sampled": len(training.sampled)}
    for name, length in (columns | ({} if weights is None else {"weights": len(weights)})).items():
        if length != rows:
            raise TrainingError(f"{name}: {length} rows, but there are {rows} labels")
    if weights is not None and not (((weights >= 0) & (weights <= HEAVIEST)).all() and weights.any()):
        raise TrainingError(f"weights: must be from 0 to {HEAVIEST:g}, and not all zero")
    if len(tiers(embedder)) > MOST_TIERS:
        raise TrainingError(f"embedder `{embedder}`: a cascade has {MOST_TIERS} tiers at most")
    if reads_text(embedder) and training.features.texts is None:
        raise TrainingError(f"embedder `{embedder}` needs texts, and the traces have none")
    if vectors_of(embedder) is not None:
        _check_vectors(training.features.embeddings, embedder)


def _check_vectors(vectors: NDArray[np.float32] | None, embedder: str) -> None:
    if vectors is None:
        raise TrainingError(f"embedder `{embedder}` needs embeddings, and the traces have none")
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise TrainingError(f"embeddings: shape {list(vectors.shape)}, must be [rows, width]")
    if vectors.shape[1] > WIDEST:
        raise TrainingError(
            f"embeddings: {vectors.shape[1]:,} wide; {WIDEST:,} is the widest that can be learned"
        )
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise TrainingError(f"embeddings: row {broken[0]} is not finite ({len(broken)} such rows)")
