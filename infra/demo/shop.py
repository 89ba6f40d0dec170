"""The demo's world: what customers ask and what a good teacher answers, before and after drift strikes."""

import random
from dataclasses import replace

from infra.demo.answers import Answers
from infra.demo.drift import APPEARS, MEANS, NEWCOMERS
from infra.demo.intents import INTENTS
from infra.demo.traffic import Traffic, Utterance


class Shop:
    """Repeatable. One thread draws and strikes; `label` may be called from another.

    Attributes:
        labels: all that the teacher may ever answer.
    """

    def __init__(self, *, drifts: bool) -> None:
        """
        Args:
            drifts: whether drift may strike.
        """
        intents = {**INTENTS, **APPEARS} if drifts else INTENTS
        self.labels = tuple(intents)
        self._customers, self._newcomers = Traffic(seed=0), Traffic(1, APPEARS)
        self._mixed = random.Random(2)
        self._answers = Answers(intents)
        self._struck = False

    def strike(self) -> None:
        """Let drift begin; it does not end."""
        self._struck = True

    def draw(self) -> Utterance:
        """The next message, and the label that the teacher has for it now."""
        new = self._struck and self._mixed.random() < NEWCOMERS
        utterance = (self._newcomers if new else self._customers).draw()
        self._answers.remember(utterance)
        return replace(utterance, intent=self._meaning(utterance.intent))

    def label(self, text: str) -> str:
        """What a good teacher answers now."""
        return self._meaning(self._answers.label(text))

    def _meaning(self, intent: str) -> str:
        return MEANS.get(intent, intent) if self._struck else intent
