"""A router with a cascade of several encoders: one that fails takes back no answer of the tiers before it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from models.embedders.composite import CompositeEmbedder
from models.errors import EmbedderError
from models.fit import FitResult
from models.policy import Policy
from models.router.loaded_policy import LoadedPolicy
from models.router.query import Query
from tests.models.conftest import TIERS, WIDTH, draw_tiers
from tests.models.router.conftest import TARGET


class LookedUp:
    """Gives the vectors that a test knows."""

    dimension = WIDTH

    def __init__(self, name: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self.id = name
        self.asked: list[str] = []
        self.fails = False
        self._vectors = vectors

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        if self.fails:
            raise EmbedderError(f"{self.id}: no")
        return np.stack([self._vectors[text] for text in texts])


@pytest.mark.parametrize("failing", [0, 1])
def test_what_earlier_tiers_answer_stands(results: dict[str, FitResult], failing: int) -> None:
    artifact = results[TIERS].artifact
    assert artifact is not None
    policy = Policy.open(artifact.manifest, artifact.graph)
    features, _ = draw_tiers(300, 21)
    assert features.embeddings is not None
    row_of = {text: row for row, text in enumerate(features.texts or ())}
    texts, rows = list(row_of), list(row_of.values())
    encoders = tuple(
        LookedUp(name, {text: vectors[row] for text, row in row_of.items()})
        for name, vectors in zip(
            ("onnx:f00d", "endpoint:clear"), np.split(features.embeddings, 2, axis=1), strict=True
        )
    )
    loaded = LoadedPolicy(policy, TARGET, CompositeEmbedder(encoders))
    queries = [Query(text, text, None, False) for text in texts]
    whole = loaded.decide(queries)
    decided_by = policy.decided_by(features.take(rows))
    assert decided_by is not None
    for place, encoder in enumerate(encoders):
        assert sorted(encoder.asked) == sorted(np.array(texts)[decided_by > place])
    encoders[failing].fails = True
    part = loaded.decide(queries)
    stands = decided_by <= failing
    assert [one for one, kept in zip(part, stands, strict=True) if kept] == [
        one for one, kept in zip(whole, stands, strict=True) if kept
    ]
    assert {one.reason for one, kept in zip(part, stands, strict=True) if not kept} == {"unscored"}
