"""Test vectors of a policy: made from label names and random numbers, so that no trace is in a manifest."""

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from models.embedders.kinds import reads_text
from models.features import Features
from models.manifest import Manifest, TestVector
from models.policy import Policy

ROWS = 12


def with_test_vectors(manifest: Manifest, graph: bytes, seed: int) -> Manifest:
    """The manifest with test vectors and the results of `graph` for them; opens the policy to get these."""
    policy = Policy.open(manifest.encode(), graph)
    inputs = _inputs(manifest, seed)
    scores = policy.score(inputs)
    test_vectors = tuple(
        TestVector(
            label=int(scores.label[row]),
            score=float(scores.score[row]),
            novelty=float(scores.novelty[row]),
            text=None if inputs.texts is None else inputs.texts[row],
            embedding=None if inputs.embeddings is None else inputs.embeddings[row].astype("<f4").tobytes(),
        )
        for row in range(len(inputs))
    )
    return replace(manifest, probes=test_vectors)


def _inputs(manifest: Manifest, seed: int) -> Features:
    texts = _texts(manifest) if reads_text(manifest.embedder) else None
    if manifest.dimension is None:
        return Features(texts)
    count = ROWS if texts is None else len(texts) - 1
    return Features(texts, _vectors(manifest.dimension, count, seed))


def _texts(manifest: Manifest) -> list[str]:
    """Names of labels, an empty text, one of a single emoji, and a long one."""
    named = [label.replace("_", " ") for label in manifest.labels[:ROWS]]
    return [*named, "", "\N{GRINNING FACE}", " ".join(named)]


def _vectors(dimension: int, count: int, seed: int) -> NDArray[np.float32]:
    """Random directions, and a vector of zeros."""
    drawn = np.random.default_rng(seed).standard_normal((count, dimension), dtype=np.float32)
    return np.vstack([drawn, np.zeros((1, dimension), dtype=np.float32)])
