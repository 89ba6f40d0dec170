"""Stored test vectors: made from labels and chance, never from traces, so that a manifest tells no secret."""

import numpy as np
from msgspec.structs import replace

from models.features import Features
from models.manifest import Manifest, Probe
from models.policy import Policy

ROWS = 12


def with_probes(manifest: Manifest, graph: bytes, seed: int) -> Manifest:
    """The manifest with probes and what `graph` makes of them; opens the policy to find out."""
    policy = Policy.open(manifest.encode(), graph)
    inputs = _texts(manifest) if manifest.dimension is None else _vectors(manifest.dimension, seed)
    scores = policy.score(inputs)
    probes = tuple(
        Probe(
            label=int(scores.label[row]),
            score=float(scores.score[row]),
            novelty=float(scores.novelty[row]),
            text=None if inputs.texts is None else inputs.texts[row],
            embedding=None if inputs.embeddings is None else inputs.embeddings[row].astype("<f4").tobytes(),
        )
        for row in range(len(inputs))
    )
    return replace(manifest, probes=probes)


def _texts(manifest: Manifest) -> Features:
    """Names of labels, read as texts, and the odd ends of what a text can be."""
    named = [label.replace("_", " ") for label in manifest.labels[:ROWS]]
    return Features(texts=[*named, "", "\N{GRINNING FACE}", " ".join(named)])


def _vectors(dimension: int, seed: int) -> Features:
    """Random directions, and no direction at all."""
    drawn = np.random.default_rng(seed).standard_normal((ROWS, dimension), dtype=np.float32)
    return Features(embeddings=np.vstack([drawn, np.zeros((1, dimension), dtype=np.float32)]))
