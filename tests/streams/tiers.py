"""A cascade of three tiers, with encoders and a policy that do as their texts say."""

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import EmbedderError, TextRefused
from models.features import Embed, Features
from models.policy import Policy, Scores
from tests.streams.fakes import LABELS, manifest

FIRST = "model2vec:/m"
SECOND = "endpoint:http://host/v1#m"
TIERS = f"text>{FIRST}>{SECOND}"
ENCODER = "scripted:1[2]>scripted:2[2]"
BY_TEXT, BY_FIRST, BY_SECOND, BY_NOBODY = "yes 0 0.9", "yes 1 0.9", "yes 2 0.9", "no 2 0.1"


class TierEmbedder:
    """Makes of `yes 2 0.9` the vector of the tier that is sure of it, 2, and of the encoder's number.

    Fails while `fails`, refuses texts with `refuse2` in them if 2 is its number, and waits while it is held.
    """

    dimension = 2

    def __init__(self, number: int, change: Callable[[], None] = lambda: None) -> None:
        self.id = f"scripted:{number}"
        self.texts: list[str] = []
        self.fails = False
        self.free = threading.Event()
        self.free.set()
        self._number, self._change = number, change

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        self._change()
        self.free.wait(30)
        if self.fails:
            raise EmbedderError(f"{self.id}: no")
        if any(f"refuse{self._number}" in text for text in texts):
            raise TextRefused(f"{self.id}: not that")
        return np.array([[text.split()[1], self._number] for text in texts], dtype=np.float32)


class TieredPolicy(Policy):
    """Answers `yes 2 0.9` with label yes and score .9, once it has both vectors."""

    def __init__(self, version: str = "v1") -> None:
        super().__init__(manifest(embedder=TIERS, dimension=4, encoder=ENCODER, version=version), None)

    def score(self, features: Features, embed: Embed | None = None) -> Scores:
        return self._score(features, 2, embed)

    def score_early(
        self, features: Features, parts: int = 0, embed: Embed | None = None
    ) -> tuple[Scores, NDArray[np.bool_]]:
        return self._score(features, parts, embed), self._tiers(features) <= parts

    def _tiers(self, features: Features) -> NDArray[np.float32]:
        return np.array([text.split()[1] for text in features.texts or ()], dtype=np.float32)

    def _score(self, features: Features, parts: int, embed: Embed | None) -> Scores:
        tiers, rows = self._tiers(features), [text.split() for text in features.texts or ()]
        for part in range(parts):
            left = np.flatnonzero(tiers > part)
            if embed is not None and len(left):
                assert embed(left, part).tolist() == [[tier, part + 1] for tier in tiers[left]]
        return Scores(
            np.array([LABELS.index(label) for label, *_ in rows], dtype=np.int64),
            np.array([row[2] for row in rows], dtype=np.float32),
            np.zeros(len(rows), dtype=np.float32),
        )
