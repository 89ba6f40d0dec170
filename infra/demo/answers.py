"""Answers of the demo's teacher: the intent of every message that the demo made up, and a guess for others.

A message of a user (`understudy ask "where is my parcel?"`) gets the intent of the most similar phrasing:
by common words and letter trigrams, each weighted by how few phrasings have it.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from infra.demo.intents import INTENTS, Phrasings
from infra.demo.traffic import Utterance

_MOST: Final = 200_000
_MARKUP = re.compile(r"\{\w+\}|[\[\]|]")
_WORD = re.compile(r"\w+")


class Answers:
    """Intents of the newest 200,000 messages; a text that comes again keeps the intent it had first."""

    def __init__(self, intents: Mapping[str, Phrasings] = INTENTS) -> None:
        self._known: dict[str, str] = {}
        self._phrasings = tuple(
            (intent, _features(_MARKUP.sub(" ", template)))
            for intent, phrasings in intents.items()
            for template in phrasings.usual + phrasings.rare
        )
        phrasing_counts = Counter(feature for _, features in self._phrasings for feature in features)
        self._weight = {
            feature: math.log(len(self._phrasings) / count) for feature, count in phrasing_counts.items()
        }

    def remember(self, utterance: Utterance) -> None:
        """Store the intent of this message."""
        self._known.setdefault(utterance.text, utterance.intent)
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]

    def label(self, text: str) -> str:
        """The intent of a remembered message, or of the nearest phrasing. Safe to call from any thread."""
        return self._known.get(text) or self._nearest(text)

    def _nearest(self, text: str) -> str:
        features = _features(text)
        return max(self._phrasings, key=lambda phrasing: self._overlap(features, phrasing[1]))[0]

    def _overlap(self, features: frozenset[str], phrasing: frozenset[str]) -> float:
        """Cosine of the two, up to a factor that is the same for every phrasing."""
        shared = sum(self._weight[feature] ** 2 for feature in features & phrasing)
        return shared / math.sqrt(sum(self._weight[feature] ** 2 for feature in phrasing))


def _features(text: str) -> frozenset[str]:
    words = _WORD.findall(text.lower())
    trigrams = (f" {word} "[start : start + 3] for word in words for start in range(len(word)))
    return frozenset([*trigrams, *words])
