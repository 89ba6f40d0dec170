"""What is routed: Banking77 where the folder has it, otherwise data made up for the purpose.

A policy is fitted on one part and the requests are drawn from the other, so that the share that is deferred
is a realistic one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.bench.banking import Split, read
from infra.demo.traffic import Traffic
from infra.errors import MissingData
from models.features import Features

_DIMENSION = 384
_TRACES, _REQUESTS = 6_000, 3_000
_NOISE = 0.13
"""Per value, beside unit centroids: wide enough that some vectors lie between two of them."""


@dataclass(frozen=True, slots=True)
class RoutingCorpus:
    """Attributes:
    name: of the data.
    traces: what the policy is fitted on; texts and vectors of length 384.
    requests: what is asked; likewise.
    """

    name: str
    traces: Split
    requests: Split


def corpus(folder: Path) -> RoutingCorpus:
    """Raises InvalidFile: Banking77 is there, and is not what it should be."""
    try:
        return RoutingCorpus("Banking77", read(folder, "train"), read(folder, "test"))
    except MissingData:
        return made_up()


def made_up(traces: int = _TRACES, requests: int = _REQUESTS) -> RoutingCorpus:
    """The demo's messages, each with a vector near the centroid of its intent."""
    traffic, numbers = Traffic(seed=1), np.random.default_rng(1)
    drawn = [traffic.draw() for _ in range(traces + requests)]
    labels = [utterance.intent for utterance in drawn]
    names, index = np.unique(labels, return_inverse=True)
    centroids = _normalised(numbers.normal(size=(len(names), _DIMENSION)))
    vectors = _normalised(centroids[index] + numbers.normal(scale=_NOISE, size=(len(drawn), _DIMENSION)))
    whole = Features([utterance.text for utterance in drawn], vectors.astype("<f4"))
    first, second = range(traces), range(traces, traces + requests)
    return RoutingCorpus(
        "generated data",
        Split(whole.take(first), labels[:traces]),
        Split(whole.take(second), labels[traces:]),
    )


def _normalised(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    normalised: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return normalised
