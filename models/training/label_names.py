"""Label names as training rows: with few traces, what a label is called says a good deal of what it means.

Each label adds one row, its name in words, that trains and never certifies. At 500 traces of Banking77 that
raises the accuracy of text policies by five points and more; with thousands of traces it changes nothing.

Opaque names such as `label 17` would cost two points, so names must first show that they speak of their
labels. Each fold judges by the traces that it learns from: the name that is most similar to a trace must be
that of its label more often than chance explains (Cohen's kappa 1960). The names are used if they pass in
every fold: that one choice rests on all labels, and is the same for all traces.

A name is held out with its label's traces where a single fold has them all: of a label that nobody has seen,
nobody knows the name.
"""

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.features import Features
from models.featurizers.contract import Featurizer
from models.surrogates.contract import TrainingTargets
from models.training_set import TrainingSet

ENOUGH_TRACES = 5000
WEIGHT = 2.0
LEAST_KAPPA = 0.1

_WORDS = re.compile(r"[^\W\d_]+|\d+")
_HUMPS = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")


def in_words(name: str) -> str:
    """`card_arrival` and `CardArrival` as `card arrival`; the name itself if it has no letter or digit."""
    return " ".join(_WORDS.findall(_HUMPS.sub(" ", name))).casefold() or name


def with_names(training: TrainingSet, names: tuple[str, ...], embedder: str) -> TrainingSet:
    """The traces, followed by a row for each name if there are few traces and the policy reads text alone."""
    texts = training.features.texts
    if texts is None or embedder != "text" or len(training) >= ENOUGH_TRACES:
        return training
    weights = np.ones(len(training)) if training.weights is None else training.weights
    mean = weights[weights > 0].mean()
    return replace(
        training,
        features=Features([*texts, *map(in_words, names)]),
        labels=[*training.labels, *names],
        sampled=np.append(training.sampled, np.zeros(len(names), dtype=np.bool_)),
        weights=np.append(weights, np.full(len(names), WEIGHT * mean)),
    )


def targets_with_names(targets: TrainingTargets, featurizer: Featurizer, traces: int) -> TrainingTargets:
    """The targets with the folds and weights of the names, which are the rows after the first `traces`.

    Names have no weight unless they speak of their labels.
    """
    if len(targets.codes) == traces:
        return targets
    targets = replace(targets, folds=_folds_with_names(targets, traces))
    if _names_pass(targets, featurizer.matrix, traces):
        return targets
    weights = np.ones(len(targets.codes)) if targets.weights is None else targets.weights.copy()
    weights[traces:] = 0.0
    return replace(targets, weights=weights)


def _folds_with_names(targets: TrainingTargets, traces: int) -> NDArray[np.int64]:
    """The folds, each name in that of its label's traces if they are all in one."""
    codes, folds = targets.codes[:traces], targets.folds[:traces]
    lowest = np.full(targets.labels, folds.max() + 1)
    highest = np.full(targets.labels, -1)
    np.minimum.at(lowest, codes, folds)
    np.maximum.at(highest, codes, folds)
    names = targets.codes[traces:]
    own = np.where(lowest[names] == highest[names], lowest[names], targets.folds[traces:])
    return np.append(folds, own)


def _names_pass(targets: TrainingTargets, matrix: NDArray[np.float32], traces: int) -> bool:
    nearest = targets.codes[traces:][(matrix[:traces] @ matrix[traces:].T).argmax(axis=1)]
    codes, folds = targets.codes[:traces], targets.folds[:traces]
    return all(
        _kappa(nearest[rows], codes[rows], targets.labels) >= LEAST_KAPPA
        for rows in (folds != fold for fold in np.unique(folds))
    )


def _kappa(guesses: NDArray[np.int64], codes: NDArray[np.int64], labels: int) -> float:
    """Agreement beyond chance, as a share of what there could be."""
    if len(codes) == 0:
        return 0.0
    shares = [np.bincount(each, minlength=labels) / len(codes) for each in (guesses, codes)]
    chance = float(shares[0] @ shares[1])
    return (float((guesses == codes).mean()) - chance) / max(1.0 - chance, 1e-9)
