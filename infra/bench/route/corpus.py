"""What is routed: Banking77 where the folder with it is present, otherwise data made up for the purpose.

A policy is fitted on one part and the requests are drawn from the other, so that the share that is deferred
is a realistic one.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.demo.traffic import Traffic
from models.features import Features
from models.training import TrainingSet

DATA = "UNDERSTUDY_TEST_DATA"

_BESIDE = Path(__file__).parents[4] / "shared" / "data"
_DIMENSION = 384
_TRACES, _REQUESTS = 6_000, 3_000
_NOISE = 0.13
"""Per value, beside unit centroids: wide enough that some vectors lie between two of them."""


@dataclass(frozen=True, slots=True)
class Part:
    """n rows.

    Attributes:
        texts, labels: n each.
        vectors: float32 [n, 384].
    """

    texts: list[str]
    labels: list[str]
    vectors: NDArray[np.float32]

    def training(self, *, vectors: bool) -> TrainingSet:
        features = Features(embeddings=self.vectors) if vectors else Features(texts=self.texts)
        return TrainingSet(features, self.labels, np.ones(len(self.labels), dtype=np.bool_))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Attributes:
    name: of the data.
    traces: what the policy is fitted on.
    requests: what is asked.
    """

    name: str
    traces: Part
    requests: Part


def corpus() -> Corpus:
    """Banking77 from the folder that `UNDERSTUDY_TEST_DATA` names or that lies beside the project, or made up."""
    folder = Path(os.environ.get(DATA, _BESIDE))
    if (folder / "banking77_train.jsonl").is_file():
        return Corpus("Banking77", _banking(folder, "train"), _banking(folder, "test"))
    return _made_up()


def _banking(folder: Path, split: str) -> Part:
    rows = [json.loads(line) for line in (folder / f"banking77_{split}.jsonl").read_text().splitlines()]
    vectors = np.load(folder / f"banking77_{split}.minilm.f16.npy").astype("<f4")
    return Part([row["text"] for row in rows], [row["label"] for row in rows], vectors)


def _made_up() -> Corpus:
    traffic, numbers = Traffic(seed=1), np.random.default_rng(1)
    drawn = [traffic.draw() for _ in range(_TRACES + _REQUESTS)]
    labels = [utterance.intent for utterance in drawn]
    names, index = np.unique(labels, return_inverse=True)
    centroids = _normalised(numbers.normal(size=(len(names), _DIMENSION)))
    vectors = _normalised(centroids[index] + numbers.normal(scale=_NOISE, size=(len(drawn), _DIMENSION)))
    texts = [utterance.text for utterance in drawn]
    parts = [
        Part(texts[rows], labels[rows], vectors[rows].astype("<f4"))
        for rows in (slice(0, _TRACES), slice(_TRACES, None))
    ]
    return Corpus("generated data", *parts)


def _normalised(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
