"""Fold models that a refit may start from: those of the fit before, unless they have seen what it tests.

The log loss is convex, so a start decides how soon the minimum is reached, not where it is. But a fit ends
near the minimum, not on it, and a start that has learned from a trace may leave a hint of its label. So a
fold starts from an earlier model only if neither that model nor any that it started from has learned from a
trace that the fold holds out, or from one that says the same:

    1. all traces of the earlier fit are traces of this one, so their contents are compared; where one has
       left the window or was forgotten, no fold has a start
    2. each trace that the fold holds out was held out by the same fold, if the earlier fit had it

What a model's start has learned from is among the traces of the earlier fit, by 1, and not of its fold, by 2.
The models are kept in memory alone. Without them a fit takes longer and is as good.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features import Features
from models.graph.linear import Linear

MOST_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class FoldedTraces:
    """The traces of a fit, and the fold that holds out each.

    Attributes:
        encoder: id of the encoder that made the vectors; None without one.
        names: labels, in the order of the models' columns.
        keys: uint64 [n], a hash of each trace's features.
        folds: int64 [n].
    """

    encoder: str | None
    names: tuple[str, ...]
    keys: NDArray[np.uint64]
    folds: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FoldModels:
    """The fold models of logistic regression on vectors, and the traces of their fit.

    Attributes:
        weights: float32 [folds, d, labels].
        intercepts: float32 [folds, labels].
    """

    traces: FoldedTraces
    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    def starts(self, traces: FoldedTraces) -> dict[int, Linear]:
        """For each fold of a fit on these traces that may start from a model of these, that model."""
        ours, count = self.traces, int(traces.folds.max()) + 1
        if (traces.encoder, count) != (ours.encoder, len(self.weights)):
            return {}
        if not np.isin(ours.keys, traces.keys).all():
            return {}
        order = np.argsort(ours.keys)
        place = order[np.searchsorted(ours.keys, traces.keys, sorter=order) % len(order)]
        other_fold = (ours.keys[place] == traces.keys) & (ours.folds[place] != traces.folds)
        usable = np.setdiff1d(np.arange(count), traces.folds[other_fold])
        return {fold: self._renamed(fold, traces.names) for fold in usable.tolist()}

    def _renamed(self, fold: int, names: tuple[str, ...]) -> Linear:
        """The model of a fold for these labels; those that it does not know have logits of 0."""
        column = {name: place for place, name in enumerate(self.traces.names)}
        kept = np.array([column.get(name, -1) for name in names])
        weights = np.where(kept >= 0, self.weights[fold][:, kept], np.float32(0.0))
        return Linear(weights, np.where(kept >= 0, self.intercepts[fold][kept], np.float32(0.0)))


def fold_models(traces: FoldedTraces, models: Sequence[Linear]) -> FoldModels | None:
    """The models of a fit, one for each fold; None if there are none, or they are too large to be kept."""
    if not 0 < sum(model.weights.nbytes for model in models) <= MOST_BYTES:
        return None
    return FoldModels(
        traces, np.stack([model.weights for model in models]), np.stack([model.intercept for model in models])
    )


def trace_keys(features: Features) -> NDArray[np.uint64]:
    """A hash of each row's text and vector, [n]."""
    parts: list[list[bytes]] = []
    if features.texts is not None:
        parts.append([text.encode("utf-8", "replace") for text in features.texts])
    if features.embeddings is not None:
        parts.append([row.tobytes() for row in features.embeddings])
    digests = b"".join(
        hashlib.blake2b(b"\0".join(row), digest_size=8).digest() for row in zip(*parts, strict=True)
    )
    return np.frombuffer(digests, dtype="<u8")
