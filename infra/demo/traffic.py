"""Traffic of the demo: an endless, repeatable stream of messages to an online shop, each with one intent.

Frequencies are skewed twice, between intents and between the phrasings of one, so that a learner gets the
bulk quickly and the long tail slowly. Added are openings and closings, shorthand, typing errors, careless
casing, and a share of messages that are hard on purpose (`phrasing.TWO_IN_ONE`, `phrasing.VAGUE`).
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from infra.demo.intents import INTENTS, Phrasings
from infra.demo.phrasing import CLOSINGS, OPENINGS, SHORTHAND, SLOTS, TWO_IN_ONE, VAGUE

LABELS: Final = tuple(INTENTS)

_SKEW = 0.7
"""Exponent of the Zipf law by which intents, and phrasings of an intent, lose frequency."""
_RARE, _VAGUE, _TWO_IN_ONE = 0.18, 0.04, 0.06
"""Shares of messages with a rare phrasing, with hardly any content, and with two wishes."""
_OPENING, _CLOSING, _SHORTHAND, _TYPING, _CARELESS = 0.25, 0.25, 0.15, 0.2, 0.4
"""Probabilities of each decoration; they are independent."""
_ALTERNATIVES = re.compile(r"\[([^\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A message and the intent that a good teacher finds in it."""

    text: str
    intent: str


class Traffic:
    """Draws messages with some intents, most frequent first; the same seed gives the same in the same order.

    The vague ones among them have intents of `INTENTS` in any case.
    """

    def __init__(self, seed: int = 0, intents: Mapping[str, Phrasings] = INTENTS) -> None:
        self._intents = intents
        self._random = random.Random(seed)

    def draw(self) -> Utterance:
        """The next message."""
        plain = self._plain()
        return Utterance(_normalise_spaces(self._make_careless(self._decorate(plain.text))), plain.intent)

    def _plain(self) -> Utterance:
        kind = self._random.random()
        if kind < _VAGUE:
            return Utterance(*self._fill_pair(self._random.choice(VAGUE)))
        if kind < _VAGUE + _TWO_IN_ONE:
            return self._two_in_one()
        return self._single(rare=kind > 1 - _RARE)

    def _single(self, *, rare: bool = False) -> Utterance:
        intent = self._draw_skewed(tuple(self._intents))
        phrasings = self._intents[intent]
        template = self._random.choice(phrasings.rare) if rare else self._draw_skewed(phrasings.usual)
        return Utterance(self._fill(template), intent)

    def _two_in_one(self) -> Utterance:
        first, second = self._single(), self._single()
        template, meant = self._random.choice(TWO_IN_ONE)
        text = template.format(first=first.text, second=second.text)
        return Utterance(text, (first if meant == "first" else second).intent)

    def _fill_pair(self, pair: tuple[str, str]) -> tuple[str, str]:
        return self._fill(pair[0]), pair[1]

    def _fill(self, template: str) -> str:
        chosen = _ALTERNATIVES.sub(lambda match: self._random.choice(match[1].split("|")), template)
        return _SLOT.sub(lambda match: self._random.choice(SLOTS[match[1]]), chosen)

    def _draw_skewed(self, choices: tuple[str, ...]) -> str:
        weights = [(rank + 1) ** -_SKEW for rank in range(len(choices))]
        return self._random.choices(choices, weights)[0]

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def _decorate(self, text: str) -> str:
        if self._happens(_OPENING):
            text = self._random.choice(OPENINGS) + text
        if self._happens(_CLOSING):
            text += self._fill(self._random.choice(CLOSINGS))
        return text

    def _make_careless(self, text: str) -> str:
        if self._happens(_SHORTHAND):
            text = " ".join(SHORTHAND.get(word, word) for word in text.split(" "))
        while self._happens(_TYPING):
            text = self._mistype(text)
        if self._happens(_CARELESS):
            text = text.lower() if self._happens(0.9) else text.upper()
        return text

    def _mistype(self, text: str) -> str:
        """One typing error: two letters swapped, one lost, one doubled, or one space forgotten."""
        at = self._random.randrange(len(text) - 1)
        before, one, two, after = text[:at], text[at], text[at + 1], text[at + 2 :]
        return before + self._random.choice((two + one, one, one + one + two, (one + two).strip())) + after


def _normalise_spaces(text: str) -> str:
    return " ".join(text.split())
