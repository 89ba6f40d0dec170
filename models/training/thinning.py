"""Thins out traces where there are more than a fit takes: it then learns from a draw of them.

Traces of the uniform sample are drawn uniformly, whatever their labels and however old they are, so what is
left of the sample is a uniform one too. All the others, those of the sample that were not drawn among them,
may fill what room is left, and only train: first some of each label, so that a rare one keeps its traces,
then at random. What is kept of them depends on their own labels alone: no label of a trace that tests has a
say in what the models learn from that score it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.training_set import TrainingSet

MOST_TRACES = 100_000
SAMPLED_SHARE = 0.8
"""Of the traces that are kept at most this share stay in the sample; the others only train."""
LABEL_SHARE = 0.5
"""Of the room for traces that only train, the share that is divided evenly among the labels first."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """Traces that are kept.

    Attributes:
        rows: int64 [k], their places, ascending.
        sampled: bool [k], the trace still belongs to the sample.
    """

    rows: NDArray[np.int64]
    sampled: NDArray[np.bool_]


def thin_out(
    labels: Sequence[str], sampled: NDArray[np.bool_], seed: int = 0, most: int = MOST_TRACES
) -> Thinned | None:
    """The traces to keep of n, at most `most`; None where there are no more than that."""
    if len(labels) <= most:
        return None
    generator = np.random.default_rng([seed, len(labels)])
    drawn = generator.permutation(np.flatnonzero(sampled))[: round(SAMPLED_SHARE * most)]
    in_sample = np.zeros(len(labels), dtype=np.bool_)
    in_sample[drawn] = True
    others = generator.permutation(np.flatnonzero(~in_sample))
    room = most - len(drawn)
    known: dict[str, int] = {}  # an array of a million names would take more memory than the traces
    codes = np.array([known.setdefault(labels[row], len(known)) for row in others.tolist()], dtype=np.int64)
    of_each = int(LABEL_SHARE * room / (codes.max() + 1))
    first = np.argsort(_place_in_label(codes) >= of_each, kind="stable")
    rows = np.sort(np.concatenate([drawn, others[first[:room]]]))
    return Thinned(rows, in_sample[rows])


def thinned_set(training: TrainingSet, seed: int = 0, most: int = MOST_TRACES) -> TrainingSet:
    """The traces that are kept, all of them where there are not too many."""
    thinned = thin_out(training.labels, training.sampled, seed, most)
    if thinned is None:
        return training
    return replace(training.take(thinned.rows), sampled=thinned.sampled, drawn_from=len(training))


def _place_in_label(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the number of rows before it with the same code."""
    order = np.argsort(codes, kind="stable")
    begins = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sizes = np.diff(np.append(begins, len(codes)))
    place = np.empty(len(codes), dtype=np.int64)
    place[order] = np.arange(len(codes)) - np.repeat(begins, sizes)
    return place
