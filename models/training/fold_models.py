"""Fold models that a refit may start from: those of the fit before, unless they have seen what it tests.

The log loss is convex, so a start decides how soon the minimum is reached, not where it is. But a fit ends
near the minimum, not on it, and a start that has learned from a trace may leave a hint of its label. So a
fold starts from an earlier model only if neither that model nor any that it started from has learned from a
trace that the fold holds out, or from one that says the same:

    1. all traces of the earlier fit are traces of this one, so their contents are compared; where one has
       left the window or was forgotten, no fold has a start
    2. each trace that the fold holds out was held out by the same fold, if the earlier fit had it

What a model's start has learned from is among the traces of the earlier fit, by 1, and not of its fold, by 2.

Under 1 a refit also reads its texts by the basis of the fit before (`models.featurizers.text`), until they
are `OUTGROWN` times as many as it was learned from. No label has a part in it. Logistic regression on texts
has no starts: on 1,024 columns they cost more steps than they save (`infra/bench/README.md`).

All is kept in memory alone. Without it a fit takes longer and is as good.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features import Features
from models.featurizers.text_basis import EarlierBasis, TextBasis
from models.graph.linear import Linear

MOST_BYTES = 1 << 26
OUTGROWN = 1.5


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

    @property
    def size(self) -> int:
        """Bytes of its arrays."""
        return self.keys.nbytes + self.folds.nbytes


@dataclass(frozen=True, slots=True)
class LearnedBasis:
    """A basis of texts, and the keys of the traces that it was learned from, in their order, uint64 [m]."""

    basis: TextBasis
    keys: NDArray[np.uint64]

    @property
    def size(self) -> int:
        """Bytes of its arrays."""
        return self.basis.size + self.keys.nbytes


@dataclass(frozen=True, slots=True)
class FoldModels:
    """What a refit takes over of a fit, and the traces of that fit.

    Attributes:
        models: of logistic regression on vectors, one for each fold; empty where none are read.
        basis: by which texts were read; None where none were.
    """

    traces: FoldedTraces
    models: tuple[Linear, ...]
    basis: LearnedBasis | None = None

    @property
    def size(self) -> int:
        """Bytes of its arrays."""
        of_models = sum(model.weights.nbytes + model.intercept.nbytes for model in self.models)
        return self.traces.size + of_models + (0 if self.basis is None else self.basis.size)

    def starts(self, traces: FoldedTraces) -> dict[int, Linear]:
        """For each fold of a fit on these traces that may start from a model of these, that model."""
        ours, count = self.traces, int(traces.folds.max()) + 1
        if (traces.encoder, count) != (ours.encoder, len(self.models)) or not _has_all(traces, ours.keys):
            return {}
        place = _places(ours.keys, traces.keys)
        other_fold = (ours.keys[place] == traces.keys) & (ours.folds[place] != traces.folds)
        usable = np.setdiff1d(np.arange(count), traces.folds[other_fold])
        return {fold: self._renamed(self.models[fold], traces.names) for fold in usable.tolist()}

    def basis_of(self, traces: FoldedTraces) -> EarlierBasis | None:
        """The basis to read the texts of a fit on these traces by; None to learn one."""
        learned = self.basis
        if learned is None or len(traces.keys) > OUTGROWN * len(learned.keys):
            return None
        if not _has_all(traces, self.traces.keys):
            return None
        return EarlierBasis(learned.basis, _places(traces.keys, learned.keys))

    def _renamed(self, model: Linear, names: tuple[str, ...]) -> Linear:
        """The model for these labels; those that it does not know have logits of 0."""
        column = {name: place for place, name in enumerate(self.traces.names)}
        kept = np.array([column.get(name, -1) for name in names])
        weights = np.where(kept >= 0, model.weights[:, kept], np.float32(0.0))
        return Linear(weights, np.where(kept >= 0, model.intercept[kept], np.float32(0.0)))


def fold_models(
    traces: FoldedTraces, models: Sequence[Linear], basis: LearnedBasis | None = None
) -> FoldModels | None:
    """What is kept of a fit: the models, one a fold, unless they are too large; None if there is nothing."""
    kept = tuple(models) if sum(model.weights.nbytes for model in models) <= MOST_BYTES else ()
    return FoldModels(traces, kept, basis) if kept or basis is not None else None


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


def _has_all(traces: FoldedTraces, keys: NDArray[np.uint64]) -> bool:
    return bool(np.isin(keys, traces.keys).all())


def _places(keys: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each wanted key a place among `keys`: where it is, or any place if it is nowhere."""
    order = np.argsort(keys)
    return np.asarray(order[np.searchsorted(keys, wanted, sorter=order) % len(order)], dtype=np.int64)
