"""Training sets: the traces that a fit learns from, and the checks before it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.embedders.composite import encoder_parts
from models.embedders.kinds import reads_text, sources
from models.errors import TrainingError
from models.features import Features

HEAVIEST = 1e100
"""Largest weight of a trace: it keeps their sum finite."""

WIDEST = 8192
"""Largest length of a source's vectors: a fit holds a few square matrices of it, half a gigabyte each."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Traces: n requests and the teacher's labels.

    Attributes:
        features: n rows.
        labels: [n], the teacher's labels.
        sampled: bool [n], the trace belongs to a uniform sample of all traffic; calibration and gate use only
            these.
        weights: float64 [n], >= 0: of the traces in learning (not in calibration); None for equal weights.
        ordered: the traces are in the order of time, oldest first, which the gate then looks at
            (`models.gate.exchangeability`); False where their order says nothing.
        drawn_from: how many traces there were, of which these were drawn (`models.training.thinning`); None
            where these are all.
    """

    features: Features
    labels: Sequence[str]
    sampled: NDArray[np.bool_]
    weights: NDArray[np.float64] | None = None
    ordered: bool = False
    drawn_from: int | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "TrainingSet":
        """The traces at these places, in this order; it is one of time if the places ascend."""
        weights = None if self.weights is None else self.weights[rows]
        labels = [self.labels[row] for row in rows.tolist()]
        ordered = self.ordered and bool((np.diff(rows) > 0).all())
        return TrainingSet(self.features.take(rows), labels, self.sampled[rows], weights, ordered)


def check_traces(training: TrainingSet, embedder: str, encoder: str | None = None) -> None:
    """Refuse traces that can't be learned from.

    Args:
        encoder: id of what made the vectors; None without one.

    Raises:
        InvalidSpec: `embedder` is not of the grammar of `models.embedders.kinds`.
        TrainingError: no traces, unequal lengths, or features that `embedder` reads are missing or not
            finite.
    """
    rows = len(training)
    if rows == 0:
        raise TrainingError("no traces: the training set is empty")
    weights = training.weights
    columns = {"features": len(training.features), "sampled": len(training.sampled)}
    for name, length in (columns | ({} if weights is None else {"weights": len(weights)})).items():
        if length != rows:
            raise TrainingError(f"{name}: {length} rows, must be {rows}, one for each label")
    if weights is not None and not (((weights >= 0) & (weights <= HEAVIEST)).all() and weights.any()):
        raise TrainingError(f"weights: must be from 0 to {HEAVIEST:g}, not all of them 0")
    if reads_text(embedder) and training.features.texts is None:
        raise TrainingError(f"traces without texts: embedder `{embedder}` reads texts")
    if sources(embedder):
        _check_vectors(training.features.embeddings, embedder, encoder)


def _check_vectors(vectors: NDArray[np.float32] | None, embedder: str, encoder: str | None) -> None:
    if vectors is None:
        raise TrainingError(f"traces without embeddings: embedder `{embedder}` reads embeddings")
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise TrainingError(f"embeddings: shape is {list(vectors.shape)}, must be [rows, length]")
    parts = encoder_parts(encoder, vectors.shape[1], len(sources(embedder)))
    if parts is None:
        raise TrainingError(
            f"embeddings: `{embedder}` reads several vectors, and the encoder `{encoder}` does not say where "
            f"each begins in {vectors.shape[1]:,} numbers"
        )
    widest = max(part.length for part in parts)
    if widest > WIDEST:
        raise TrainingError(f"embeddings: length is {widest:,}, must be at most {WIDEST:,}")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise TrainingError(f"embeddings: row {broken[0]} is not finite ({len(broken)} such rows)")
